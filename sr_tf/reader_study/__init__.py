"""Reader studies: original and restored fields, blinded, in two sessions; and what the answers say."""
