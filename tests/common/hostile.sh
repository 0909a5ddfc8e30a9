# SPDX-License-Identifier: GPL-2.0
# Messages whose mac1 is right and that mean nothing else, for a target with this private key: the
# bytes "A". Payloads for `flood replay`.

TARGET_KEY=QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=

# zeros COUNT: so many bytes, as hexadecimal digits.
zeros() { printf "%0$(($1 * 2))d" 0; }

# Type, sender 0, the ephemeral key 9, nothing that could be opened; mac1, no mac2.
valid_initiation() { echo "01$(zeros 7)09$(zeros 107)4a7df1caf66a68bb97b9914e63c68b50$(zeros 16)"; }
# The same, to the receiver index 1.
valid_response() { echo "02$(zeros 7)0100000009$(zeros 47)fbe430ce6a4157950afbe4e45c675413$(zeros 16)"; }
