/* Hands the sum to OpenSSL. */
#include "base/hmac.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

void hmac_sha256(const void *key, size_t key_size, const void *message, size_t message_size,
		 uint8_t ret_tag[static HMAC_BYTES])
{
	HMAC(EVP_sha256(), key, (int)key_size, message, message_size, ret_tag, NULL);
}

bool hmac_equal(const uint8_t a[static HMAC_BYTES], const uint8_t b[static HMAC_BYTES])
{
	return CRYPTO_memcmp(a, b, HMAC_BYTES) == 0;
}
