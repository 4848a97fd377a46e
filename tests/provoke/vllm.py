"""Provokes failures and healthy ends of a real vLLM, and keeps its logs.

python -m tests.provoke.vllm [NAME …]     (a minute each; needs .ci/vllm-env, root for some)
"""

from __future__ import annotations

import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.provoke.keeping import keep, neutral
from tests.provoke.scene import ENVIRONMENT, VLLM, Scene, ended, free_port, running
from tests.provoke.vllm_acts import ACTS
from tests.provoke.vllm_cases import Case, cases

_LIMIT = 240.0


def main() -> None:
    asked = set(sys.argv[1:])
    folder = Path(tempfile.mkdtemp(prefix="provoke-"))
    model = folder / "models" / "tiny"
    maker = Path(__file__).parents[1] / "real" / "tiny_model.py"
    subprocess.run([VLLM / "python", maker, model], check=True)
    try:
        for case in cases():
            if not asked or case.name in asked:
                with socket.create_server(("127.0.0.1", 0)) as held:
                    _provoke(case, Scene(folder, model, free_port(), held.getsockname()[1]))
    finally:
        shutil.rmtree(folder)


def _provoke(case: Case, scene: Scene) -> None:
    log = scene.folder / "engine.log"
    model = case.model(scene) if case.model else str(scene.model)
    variables = {name: value(scene) for name, value in case.environment.items()}
    words = [str(VLLM / "vllm"), "serve", model, "--host", "127.0.0.1", "--port", str(scene.port)]
    words += [flag.replace("{taken}", str(scene.taken)) for flag in case.flags]
    with running([*case.before, *words], {**ENVIRONMENT, **variables}, log) as pid:
        ACTS[case.act](scene, pid)
        over = ended(pid, _LIMIT)
    text = neutral(log.read_text(encoding="utf-8", errors="replace"))
    told = " ".join(
        [*(f"{n}={shlex.quote(v)}" for n, v in variables.items()), shlex.join(["vllm", *words[1:]])]
    )
    what = "" if case.act == "wait" else f" ({case.act})"
    source = "healthy" if case.kind == "healthy" else "vllm"
    name = f"vllm-{case.name}" if source == "healthy" else case.name
    keep(source, name, case.kind, "vllm", told + what, text)
    print(f"{case.name}: {case.kind}{'' if over else ' STILL RUNNING'}", flush=True)


if __name__ == "__main__":
    main()
