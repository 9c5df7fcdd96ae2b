/* CRC-32C (Castagnoli), as record batches and our own files carry it. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* crc is 0 for a fresh sum, or the result over the bytes before. */
uint32_t crc32c(uint32_t crc, const void *bytes, size_t size);
