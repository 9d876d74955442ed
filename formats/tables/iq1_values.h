// What a weight of the 1-bit i-quants can be, in eighths: −1, 0 or 1, shifted by ±1/8.
#pragma once
TABLE(i8, iq1_values, 6) = {-9, -7, -1, 1, 7, 9};
