"""The process that forks a fresh one for every docket. It imports torch, and never runs a model itself.

Started as `python -m benchmark.verdicts.server`; reads one folder a line and answers with one exit status and the
folder a line.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from benchmark.core.batching import BatchSize
from benchmark.core.defended import DefendedModel
from benchmark.core.errors import in_words
from benchmark.core.frozen import frozen
from benchmark.core.writing import DiskError, writing
from benchmark.verdicts.defendant import build
from benchmark.verdicts.docket import Questions, questions_of
from benchmark.verdicts.sealed import seal

NO_ROOM = 74
"""The status of a process whose answer the disk does not take, as sysexits.h has it for such errors."""
DOCKET, IMAGES, ANSWER, REASON = "docket.json", "images.safetensors", "answer.safetensors", "reason.txt"


def main() -> None:
    """Serve until standard input ends."""
    requests, replies = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
    # What a plug-in prints must not be taken for an answer.
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.dup2(nowhere, 1)
    for line in requests:
        folder = line.rstrip("\n")
        if not folder:
            continue
        child = os.fork()
        if not child:
            os.close(requests.fileno())
            os.close(replies.fileno())
            _end(Path(folder))
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        try:
            replies.write(f"{status} {folder}\n")
            replies.flush()
        except BrokenPipeError:
            # Whoever asked was killed, and nobody else can ask.
            os._exit(0)


def _end(folder: Path) -> None:
    """Answer one docket and leave the process, whatever the plug-in raised."""
    status = 1
    try:
        answer(folder)
        status = 0
    except DiskError:
        status = NO_ROOM
    except BaseException as error:
        (folder / REASON).write_text(in_words(error), encoding="utf-8", errors="replace")
    finally:
        os._exit(status)


def answer(folder: Path) -> None:
    """Build the model that `folder` describes, ask it the questions there, and write its logits beside them."""
    docket = json.loads((folder / DOCKET).read_text(encoding="utf-8"))
    sys.path[:] = docket["path"]
    seal(folder, docket["began"])
    torch.set_num_threads(docket["threads"])
    device = torch.device(docket["device"])
    model = build(docket["model"], folder, device)
    size = BatchSize(docket["batch"])
    with frozen(model), torch.no_grad():
        asked = questions_of(docket["groups"], load_file(folder / IMAGES), device)
        logits = [ask(model, questions, size) for questions in asked]
    with writing(folder / ANSWER):
        save_file({"logits": torch.cat(logits).contiguous()}, folder / ANSWER)


def ask(model: DefendedModel, questions: Questions, size: BatchSize) -> Tensor:
    """The model's logits [N, K] on the CPU, a batch at a time."""

    def part(rows: slice) -> Tensor:
        x, noise = questions.x[rows], questions.noise[rows]
        if questions.draws is None:
            return model.decide(x, noise).float().cpu()
        votes = model.classify(model.purify(x.repeat_interleave(questions.draws, 0), noise.repeat(questions.draws)))
        return votes.unflatten(0, (len(x), questions.draws)).mean(1).float().cpu()

    return torch.cat(size.map(len(questions), part))


if __name__ == "__main__":
    main()
