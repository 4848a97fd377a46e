"""What CUDA, ROCm, PyTorch, Triton and the kernels' libraries write when a GPU cannot do it.

Wording: PyTorch 2.1 to 2.13, Triton 2 and 3, NVIDIA's driver and runtime, vLLM 0.4 to 0.32.
"""

from __future__ import annotations

import re

from core.engines.base import Signature
from core.values import FailureKind

# Before torch 2.1 the free memory stood last: `(GPU 0; 23.69 GiB total capacity; … free; …`.
OUT_OF_MEMORY = (
    r"(?:CUDA|HIP|XPU|NPU) out of memory\. Tried to allocate (?P<wanted>[\d.]+ [KMGT]?i?B)"
    r"(?:.*?(?:of which |already allocated; )(?P<free>[\d.]+ [KMGT]?i?B) (?:is )?free)?"
)
# The same from a library that does not say how much.
NO_MEMORY = (
    r"(?:CUDA|HIP|hip|Triton Error \[(?:CUDA|HIP)\]|cuda\w*) ?(?:runtime |driver )?(?i:error)?"
    r":? ?(?:\(?2\)? ?)?out of memory|CUDA_ERROR_OUT_OF_MEMORY|cudaErrorMemoryAllocation"
    r"|hipErrorOutOfMemory|CUBLAS_STATUS_(?:ALLOC_FAILED|NOT_INITIALIZED)"
    r"|torch\.(?:cuda\.)?OutOfMemoryError(?!: (?:CUDA|HIP|XPU) out of memory\. Tried)"
)
HOST_MEMORY = (
    r"DefaultCPUAllocator: (?:can't allocate memory|not enough memory): you tried to allocate "
    r"(?P<wanted>\d+) bytes|\bMemoryError\b|(?:Errno 12\]|mmap.*:) Cannot allocate memory"
    r"|std::bad_alloc|failed to map segment from shared object"
)

_DRIVER = (
    Signature(
        FailureKind.UNSUPPORTED,
        re.compile(
            r"(?i)NVIDIA driver on your system is too old(?: \(found version (?P<version>\d+)\))?"
            r"|CUDA driver version is insufficient for CUDA runtime|cudaErrorInsufficientDriver"
            r"|PTX was compiled with an unsupported toolchain|forward compatibility was attempted"
            r"|unsatisfied condition: cuda>="
        ),
        "the GPU's driver is too old for this engine",
        "update the driver, or take an image made for an older CUDA",
    ),
    Signature(
        FailureKind.UNSUPPORTED,
        re.compile(
            r"Found no NVIDIA driver on your system|No CUDA GPUs are available|No HIP GPUs are"
            r"|Failed to infer device type|no CUDA-capable device is detected"
            r"|libcuda\.so\.1: cannot open shared object|Torch not compiled with CUDA enabled"
            r"|NVML Shared Library Not Found|Unexpected error from cudaGetDeviceCount"
            r"|CUDA unknown error - this may be due to|Error 802: system not yet initialized"
        ),
        "the engine sees no GPU",
        "check nvidia-smi; in a container, that it was given GPUs; that the build is for this "
        "accelerator (error 802: start nvidia-fabricmanager)",
    ),
    Signature(
        FailureKind.UNSUPPORTED,
        re.compile(
            r"no kernel image is available|Unsupported gpu architecture '(?P<arch>[^']+)'"
            r"|Value '(?P<value>sm_\w+)' is not defined for option 'gpu-name'"
            r"|CUDA error: (?:invalid device function|device kernel image is invalid)"
            r"|is not compatible with the current PyTorch installation|hipErrorNoBinaryForGpu"
        ),
        "this build has no kernels for this GPU",
        "use an image or build made for this GPU's compute capability",
    ),
)

_KERNELS = (
    Signature(
        FailureKind.UNSUPPORTED,
        re.compile(
            r"The quantization method (?P<method>\S+) is not supported for the current GPU\. "
            r"Minimum capability: (?P<least>\d+)\. Current capability: (?P<has>\d+)"
        ),
        "quantization {method} needs compute capability {least}, this GPU has {has}",
        "take another quantization, or a GPU of capability {least} or more",
    ),
    Signature(
        FailureKind.UNSUPPORTED,
        re.compile(
            r"Bfloat16 is only supported on GPUs with compute capability of at least (?P<least>"
            r"[\d.]+\d)"
        ),
        "bfloat16 needs a GPU of compute capability {least} or more",
        "set dtype to half",
    ),
    Signature(
        FailureKind.UNSUPPORTED,
        re.compile(
            r"(?i)only supported (?:on|for) (?:\w+ ){0,3}(?:GPUs?|devices?|platforms?|hardware)\b"
            r"|not supported (?:on|for|by|in) (?:the |this )?(?:current )?(?:GPU|device|hardware|"
            r"platform|architecture|CPU)\b|only supports? (?:\w+ )?(?:Ampere|Hopper|Ada|Blackwell)"
            r"|requires? (?:\w+ ){0,4}compute capability|requires? (?:a )?GPUs? with"
            r"|requires? SM ?\d+|type fp8e4\w* not supported"
            r"|quantization is currently not supported|supports? only GPUs? with"
        ),
        "this machine's accelerator does not support what was asked for",
        "choose another dtype, quantization or attention backend, or an image built for it",
    ),
    Signature(
        FailureKind.UNSUPPORTED,
        re.compile(
            r"out of resource: (?:shared memory|registers)|triton\S*OutOfResources"
            r"|_C\w*::\w+\(\) expected at most|'_OpNamespace' '\w+' object has no attribute"
            r"|Could not run '\S+' with arguments from|No such operator"
            r"|Failed to find a kernel that can implement|No \w+(?: \w+)? MoE backend supports"
            r"|No valid (?:MLA )?(?:attention|prefill) backend|Invalid attention backend for"
            r"|Selected backend \S+ is not valid for|Cannot use \w+ backend (?:because|for|on)"
            r"|Marlin (?:\w+ )?(?:does not support|is not supported)|(?:CUTLASS|cutlass_\w+) "
            r"(?:\w+ )?(?:does not support|not supported|not implemented)"
            r"|not (?:implemented|supported) for '?(?:Float8|Half|BFloat16)"
        ),
        "no kernel here does what was asked for",
        "choose another attention backend, quantization or dtype; the line says which",
    ),
    Signature(
        FailureKind.UNSUPPORTED,
        re.compile(
            r"(?P<dtype>torch\.\w+) is not supported for quantization (?:method )?(?P<method>\S+)"
        ),
        "quantization {method} cannot be had with {dtype}",
        "set dtype to one that the line names, or leave it out",
    ),
    Signature(
        FailureKind.UNSUPPORTED,
        re.compile(r"The model type '(?P<model>[^']+)' does not support (?P<dtype>\w+)"),
        "models of type {model} do not work in {dtype}",
        "set dtype to bfloat16, or leave it out",
    ),
    Signature(
        FailureKind.CONFIG,
        re.compile(
            r"Failed to find C compiler|InvalidCxxCompiler|No working C\+\+ compiler"
            r"|fatal error: Python\.h|cannot find -lcuda|No such file or directory: '(?:\S*/)?"
            r"(?:gcc|g\+\+|nvcc|ninja|cc)'|Could not find nvcc"
            r"|CUDA_HOME environment variable is not"
            r"|Ninja build failed|Error building extension|Could not find CUDA installation"
        ),
        "kernels have to be compiled here, and the compiler for them is missing or failed",
        "install gcc and the CUDA toolkit, or use the engine's image, which has them",
    ),
)

UNSUPPORTED = (*_DRIVER, *_KERNELS)

FAULTS = (
    Signature(
        FailureKind.CRASH,
        re.compile(
            r"(?i)uncorrectable (?:NVLink|ECC) error|ECC error|NVRM: Xid.*?: (?P<xid>\d+),"
            r"|GPU has fallen off the bus|\bXid\b.{0,60}\b\d{2,3}\b"
        ),
        "the GPU itself has failed",
        "see dmesg and nvidia-smi -q; reset the GPU or restart the machine",
    ),
    Signature(
        FailureKind.CRASH,
        re.compile(
            r"(?i)(?P<what>illegal memory access|device-side assert triggered|misaligned address"
            r"|illegal instruction was encountered|unspecified launch failure|illegal address"
            r"|an illegal barrier|CUBLAS_STATUS_(?:EXECUTION_FAILED|INTERNAL_ERROR)"
            r"|Memory access fault by GPU|hardware stack error|launch timed out and was terminated)"
        ),
        "a kernel failed on the GPU: {what}",
        "set CUDA_LAUNCH_BLOCKING=1 in the task's environment to see which; try another "
        "attention backend, enforce-eager, or another version of the engine",
    ),
)
