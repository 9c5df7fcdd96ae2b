/* HMAC-SHA-256 (RFC 2104), for the internal listener's handshake (S9). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HMAC_BYTES = 32 };

void hmac_sha256(const void *key, size_t key_size, const void *message, size_t message_size,
		 uint8_t ret_tag[static HMAC_BYTES]);

/* Compares in constant time. */
bool hmac_equal(const uint8_t a[static HMAC_BYTES], const uint8_t b[static HMAC_BYTES]);
