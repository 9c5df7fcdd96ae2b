/* AES-256-GMAC (NIST SP 800-38D): a keyed tag over bytes that are not secret. One key serves many
 * messages; a nonce must never serve two of them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

struct gmac;

enum { GMAC_KEY_BYTES = 32, GMAC_NONCE_BYTES = 12, GMAC_TAG_BYTES = 16 };

struct gmac *gmac_new(const uint8_t key[static GMAC_KEY_BYTES]);
void gmac_free(struct gmac *gmac); /* NULL is fine */

/* The tag over the pieces, one after the other. */
void gmac_tag(struct gmac *gmac, const uint8_t nonce[static GMAC_NONCE_BYTES],
	      const struct iovec *pieces, int count, uint8_t ret_tag[static GMAC_TAG_BYTES]);

/* Compares in constant time. */
bool gmac_tag_equal(const uint8_t a[static GMAC_TAG_BYTES], const uint8_t b[static GMAC_TAG_BYTES]);
