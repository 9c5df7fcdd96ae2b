/* Hands the sum to ISA-L, which picks the widest carry-less multiplication that the CPU has. */
#include "base/crc32c.h"

#include <isa-l/crc.h>
#include <limits.h>

uint32_t crc32c(uint32_t crc, const void *bytes, size_t size)
{
	const uint8_t *at = bytes;

	crc = ~crc;
	while (size > 0) {
		int piece = size > INT_MAX ? INT_MAX : (int)size;

		/* ISA-L reads only; its prototype lacks the const. */
		crc = crc32_iscsi((unsigned char *)(uintptr_t)at, piece, crc);
		at += piece;
		size -= (size_t)piece;
	}
	return ~crc;
}
