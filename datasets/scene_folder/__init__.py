"""Scenes cut from any folder of images, split by source."""
