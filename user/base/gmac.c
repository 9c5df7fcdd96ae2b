/* Owns the key's schedule; OpenSSL does the arithmetic: GCM over no text at all, with the pieces as
 * additional data. */
#include "base/gmac.h"

#include "base/mem.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

struct gmac {
	EVP_CIPHER_CTX *context;
};

struct gmac *gmac_new(const uint8_t key[static GMAC_KEY_BYTES])
{
	struct gmac *gmac = mem_alloc(sizeof(*gmac));
	int done;

	gmac->context = EVP_CIPHER_CTX_new();
	assert(gmac->context);
	done = EVP_EncryptInit_ex(gmac->context, EVP_aes_256_gcm(), NULL, key, NULL);
	assert(done == 1);
	(void)done;
	return gmac;
}

void gmac_free(struct gmac *gmac)
{
	if (!gmac)
		return;
	EVP_CIPHER_CTX_free(gmac->context);
	mem_free(gmac);
}

void gmac_tag(struct gmac *gmac, const uint8_t nonce[static GMAC_NONCE_BYTES],
	      const struct iovec *pieces, int count, uint8_t ret_tag[static GMAC_TAG_BYTES])
{
	int size, done = EVP_EncryptInit_ex(gmac->context, NULL, NULL, NULL, nonce);

	for (int i = 0; done == 1 && i < count; i++)
		done = EVP_EncryptUpdate(gmac->context, NULL, &size, pieces[i].iov_base,
					 (int)pieces[i].iov_len);
	if (done == 1)
		done = EVP_EncryptFinal_ex(gmac->context, ret_tag, &size);
	if (done == 1)
		done = EVP_CIPHER_CTX_ctrl(gmac->context, EVP_CTRL_GCM_GET_TAG, GMAC_TAG_BYTES,
					   ret_tag);
	assert(done == 1);
}

bool gmac_tag_equal(const uint8_t a[static GMAC_TAG_BYTES], const uint8_t b[static GMAC_TAG_BYTES])
{
	return CRYPTO_memcmp(a, b, GMAC_TAG_BYTES) == 0;
}
