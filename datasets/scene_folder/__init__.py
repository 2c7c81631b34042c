"""Scenes cut from a folder of images, split by smear."""
