from sr_tf import errors as errors
from sr_tf.api import OpenedSlide as OpenedSlide
from sr_tf.api import archive as archive
from sr_tf.api import open as open
from sr_tf.api import restore as restore
from sr_tf.api import upscale as upscale
from sr_tf.api import verify as verify

__version__: str
