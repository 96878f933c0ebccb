"""Puts resources/ into the wheel as models/resources, where models/paths.py finds it; all else is in pyproject.toml."""

from setuptools import find_namespace_packages, setup

FOLDERS = {
    "models.resources": "resources",
    "models.resources.help": "resources/help",
    "models.resources.icons": "resources/icons",
}

setup(
    packages=[*find_namespace_packages(include=["app*", "models*"]), *FOLDERS],
    package_dir=FOLDERS,
    package_data={"app": ["py.typed"], "models": ["py.typed"], **{folder: ["*.*"] for folder in FOLDERS}},
)
