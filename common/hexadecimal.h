/* hexadecimal: 16 bytes, a UUID or a hash of 128 bits, as hexadecimal digits in lower case. */
#ifndef COMMON_HEXADECIMAL_H
#define COMMON_HEXADECIMAL_H

#define HEXADECIMAL_BYTES  16
#define HEXADECIMAL_DIGITS 32

/* Writes the digits, without a NUL. */
void hexadecimal_write(const unsigned char bytes[HEXADECIMAL_BYTES], char digits[HEXADECIMAL_DIGITS]);

#endif
