#!/usr/bin/env python3
"""Turns PyTorch's checkpoints into safetensors, and back; nothing of a checkpoint is executed.

    scripts/convert_weights.py model.pth model.safetensors     for bcl-exp eval and bcl-exp export
    scripts/convert_weights.py model.safetensors model.pth     for torch.load

Names, shapes and types stay. Of a checkpoint that holds more than weights the table "state_dict", "model" or "model_state_dict"
is taken. Needs torch and safetensors.
"""

import argparse
import os
import pickle
import sys

import safetensors
import torch
from safetensors.torch import load_file, save

TABLES = ("state_dict", "model_state_dict", "model")


def fail(message):
    sys.exit(f"convert_weights: error: {message}")


def read_torch(path):
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        fail(f"{path}: expected tensors by name, got other objects or no checkpoint; save model.state_dict() instead")
    except (RuntimeError, EOFError) as error:
        fail(f"{path}: expected a checkpoint, got a damaged one: {str(error) or 'it is empty'}")
    if not isinstance(content, dict):
        fail(f"{path}: expected named tensors, got a {type(content).__name__}")
    content = next((content[key] for key in TABLES if isinstance(content.get(key), dict)), content)
    weights = {name: value for name, value in content.items() if isinstance(value, torch.Tensor)}
    left = [str(name) for name in content if name not in weights]
    if not weights:
        fail(f"{path}: expected named tensors, got {', '.join(left[:5]) or 'none'}")
    if left:
        print(f"convert_weights: left out, no tensors: {', '.join(left)}", file=sys.stderr)
    # Tensors may share their memory, or be parts of larger ones.
    return {name: value.detach().clone(memory_format=torch.contiguous_format) for name, value in weights.items()}


def read_safetensors(path):
    try:
        return load_file(path)
    except safetensors.SafetensorError as error:
        fail(f"{path}: expected a safetensors file, got: {error}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", help="a .safetensors file, or PyTorch's by any other name")
    parser.add_argument("target", help="the other")
    args = parser.parse_args()
    ours = [path.endswith(".safetensors") for path in (args.source, args.target)]
    if sum(ours) != 1:
        fail(f"expected one name to end with .safetensors, got {args.source} and {args.target}")
    partial = args.target + ".partial"
    try:
        weights = read_safetensors(args.source) if ours[0] else read_torch(args.source)
        with open(partial, "wb") as file:
            if ours[0]:
                torch.save(weights, file)
            else:
                file.write(save(weights, {"format": "pt"}))
        os.replace(partial, args.target)
    except OSError as error:
        fail(f"{error.filename}: {error.strerror}" if error.filename else error)
    print(f"{args.target}: {len(weights)} tensors")


main()
