// 3ⁿ for the base-3 digits of packed ternary codes.
#pragma once
TABLE(u8, powers_of_three, 5) = {1, 3, 9, 27, 81};
