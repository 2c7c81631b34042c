"""`sr-tf certificate`: what an archive keeps of its slide, measured, on one page that can be checked."""
