"""The commands by which extras are installed fit the way in which sr_tf was installed."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import sr_tf
from sr_tf.errors import install_extra, install_required

ROOT = Path(__file__).parents[1]


def test_a_checkout_names_its_folder():
    assert install_extra("view") == "pip install -e '.[view]' in the checkout of sr_tf"
    assert install_required() == "pip install -e '.' in the checkout of sr_tf"


def test_a_wheel_names_the_installed_version(tmp_path):
    (tmp_path / "sr_tf").mkdir()
    for name in ("__init__.py", "errors.py"):
        shutil.copy(ROOT / "sr_tf" / name, tmp_path / "sr_tf")
    code = "from sr_tf.errors import *; import json; print(json.dumps([install_extra('view'), install_required()]))"
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, cwd=tmp_path, capture_output=True, check=True)
    version = sr_tf.__version__
    assert json.loads(done.stdout) == [f"pip install 'sr-tf[view]=={version}'", f"pip install 'sr-tf=={version}'"]
