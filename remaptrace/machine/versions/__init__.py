"""Kernels by version: which rule has which value since when, and on what that rests."""
