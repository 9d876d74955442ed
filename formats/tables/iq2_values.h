// What a weight of the 2-bit i-quants can be: one of three magnitudes with its sign.
#pragma once
TABLE(i8, iq2_values, 6) = {-43, -25, -8, 8, 25, 43};
