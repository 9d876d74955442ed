// The 16 values of a 4-bit float (OCP e2m1: 1 sign, 2 exponent, 1 mantissa bit), doubled so that they are integers.
// Source: OCP Microscaling Formats specification v1.0, table of FP4 values.
#pragma once
TABLE(i8, e2m1_doubled, 16) = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};
