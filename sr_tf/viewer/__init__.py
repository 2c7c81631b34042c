"""`sr-tf view`: a deep-zoom page of an archive or a slide, whose tiles are restored while one pans."""
