// The 16 values of ggml's 4-bit non-linear codes: spaced for weights that are dense near zero.
// Source: ggml (MIT licence), as given by the Python package gguf 0.19.
#pragma once
TABLE(i8, iq4_values, 16) = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};
