/* The small parts of user/base: numbers, ids, addresses, timers, settings. */
#include "base/gmac.h"
#include "base/arena.h"
#include "base/buffer.h"
#include "base/crc32c.h"
#include "base/hmac.h"
#include "base/mem.h"
#include "base/settings.h"
#include "base/timer_heap.h"
#include "base/uuid.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void numbers_survive_the_wire(void **state)
{
	static const int64_t values[] = {0,   1,   -1,        63,        64,
					 -64, -65, INT32_MAX, INT64_MAX, INT64_MIN};
	struct buffer b = {0};
	struct reader r;

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
		buffer_put_i64(&b, values[i]);
		buffer_put_varint(&b, values[i]);
		buffer_put_uvarint(&b, (uint64_t)values[i]);
	}
	r = reader_of(b.data, b.size);
	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
		assert_int_equal(reader_i64(&r), values[i]);
		assert_int_equal(reader_varlong(&r), values[i]);
		assert_int_equal((int64_t)reader_uvarlong(&r), values[i]);
	}
	assert_false(r.failed);
	assert_int_equal(reader_left(&r), 0);
	assert_int_equal(reader_i8(&r), 0);
	assert_true(r.failed);
	buffer_done(&b);
}

static void a_varint_of_more_than_32_bits_fails(void **state)
{
	static const uint8_t too_wide[] = {0xff, 0xff, 0xff, 0xff, 0x1f};
	static const uint8_t endless[] = {0x80, 0x80, 0x80, 0x80, 0x80, 0x00};
	struct reader r = reader_of(too_wide, sizeof(too_wide));

	(void)state;
	reader_uvarint(&r);
	assert_true(r.failed);
	r = reader_of(endless, sizeof(endless));
	reader_uvarint(&r);
	assert_true(r.failed);
}

static void crc32c_is_castagnoli(void **state)
{
	(void)state;
	assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283);
	assert_int_equal(crc32c(crc32c(0, "1234", 4), "56789", 5), 0xe3069283);
}

static void hmac_matches_rfc_4231(void **state)
{
	static const uint8_t start[] = {0x5b, 0xdc, 0xc1, 0x46, 0xbf, 0x60, 0x75, 0x4e};
	uint8_t tag[HMAC_BYTES];

	(void)state;
	hmac_sha256("Jefe", 4, "what do ya want for nothing?", 28, tag);
	assert_memory_equal(tag, start, sizeof(start));
}

static void an_arena_says_no_past_its_limit(void **state)
{
	struct arena a;
	uint8_t *bytes;

	(void)state;
	arena_init(&a, 10000);
	bytes = arena_alloc(&a, 9000);
	assert_non_null(bytes);
	assert_int_equal(bytes[8999], 0);
	assert_null(arena_alloc(&a, 2000));
	assert_null(arena_array(&a, SIZE_MAX / 2, 16));
	arena_reset(&a);
	assert_non_null(arena_alloc(&a, 2000));
	arena_done(&a);
}

static void ids_have_kafkas_text_form(void **state)
{
	char text[UUID_TEXT_BYTES];
	struct uuid id, again;

	(void)state;
	memset(id.bytes, 0xfb, sizeof(id.bytes));
	assert_string_equal(uuid_format(id, text), "-_v7-_v7-_v7-_v7-_v7-w");
	assert_int_equal(uuid_parse(text, &again), 0);
	assert_true(uuid_equal(id, again));
	assert_int_equal(uuid_parse("short", &again), -EINVAL);
	assert_int_equal(uuid_parse("-_v7-_v7-_v7-_v7-_v7-!", &again), -EINVAL);
}

static void addresses_parse_and_print(void **state)
{
	char text[NET_ADDRESS_TEXT_BYTES];
	struct net_address a;

	(void)state;
	assert_int_equal(net_address_parse("10.77.0.1:9092", &a), 0);
	assert_true(net_address_is_ipv4(&a));
	assert_string_equal(net_address_format(&a, text), "10.77.0.1:9092");
	assert_int_equal(net_address_parse("[fd00::1]:1", &a), 0);
	assert_string_equal(net_address_format(&a, text), "[fd00::1]:1");
	assert_int_equal(net_address_parse("10.77.0.1", &a), -EINVAL);
	assert_int_equal(net_address_parse("10.77.0.1:", &a), -EINVAL);
	assert_int_equal(net_address_parse("10.77.0.1:65536", &a), -EINVAL);
	assert_int_equal(net_address_parse("a name:80", &a), -EINVAL);
}

static void timers_leave_the_heap_in_order(void **state)
{
	static const uint64_t deadlines[] = {5, 3, 9, 1, 7, 3, 8, 2};
	struct env_timer timers[8] = {0};
	struct timer_heap heap = {0};
	uint64_t last = 0;

	(void)state;
	for (size_t i = 0; i < 8; i++)
		timer_heap_start(&heap, &timers[i], deadlines[i]);
	timer_heap_stop(&heap, &timers[3]);
	timer_heap_start(&heap, &timers[2], 4);
	assert_null(timer_heap_take_due(&heap, 1));
	for (size_t i = 0; i < 7; i++) {
		struct env_timer *t = timer_heap_take_due(&heap, 100);

		assert_non_null(t);
		assert_true(t->deadline_us >= last);
		assert_false(env_timer_is_running(t));
		last = t->deadline_us;
	}
	assert_null(timer_heap_first(&heap));
	timer_heap_done(&heap);
}

struct sample {
	int64_t count;
	bool on;
	char *name;
	int mode;
};

static const char *const modes[] = {"ack", "async", NULL};
#define SAMPLE(member) .offset = offsetof(struct sample, member)
static const struct setting sample_settings[] = {
	{.name = "count",
	 .type = SETTING_INT,
	 SAMPLE(count),
	 .default_value = "3",
	 .least = 1,
	 .most = 10},
	{.name = "on", .type = SETTING_BOOL, SAMPLE(on), .default_value = "true"},
	{.name = "name", .type = SETTING_TEXT, SAMPLE(name)},
	{.name = "mode",
	 .type = SETTING_CHOICE,
	 SAMPLE(mode),
	 .default_value = "ack",
	 .choices = modes},
	{.name = "old", .type = SETTING_IGNORED},
};

static void note_warning(void *context, const char *sentence)
{
	(void)sentence;
	++*(int *)context;
}

static void settings_name_the_line_that_is_wrong(void **state)
{
	int warnings = 0;
	struct settings_table table = {sample_settings, 5, note_warning, &warnings};
	char error[SETTINGS_ERROR_BYTES];
	struct sample s;

	(void)state;
	settings_init(&table, &s);
	assert_int_equal(s.count, 3);
	assert_int_equal(
		settings_parse(&table, &s, "f", "# c\n\n count = 7 \nmode=async\nold=1\n", error),
		0);
	assert_int_equal(s.count, 7);
	assert_int_equal(s.mode, 1);
	assert_int_equal(warnings, 1);
	assert_int_equal(settings_parse(&table, &s, "f", "on=true\ncount=11\n", error), -EINVAL);
	assert_string_equal(error, "f:2: count=11: must be a whole number from 1 to 10");
	assert_int_equal(settings_parse(&table, &s, "f", "mode=x", error), -EINVAL);
	assert_string_equal(error, "f:1: mode=x: must be one of ack async");
	assert_int_equal(settings_set_pair(&table, &s, "--set", "nonsense=1", error), -EINVAL);
	assert_string_equal(error, "--set: unknown setting nonsense");
	settings_done(&table, &s);
}

static void gmac_is_aes_256_gcm_over_no_text(void **state)
{
	/* NIST's gcmEncryptExtIV256, PTlen 0, AADlen 128, count 0. */
	static const uint8_t key[GMAC_KEY_BYTES] = {
		0x78, 0xdc, 0x4e, 0x0a, 0xaf, 0x52, 0xd9, 0x35, 0xc3, 0xc0, 0x1e,
		0xea, 0x57, 0x42, 0x8f, 0x00, 0xca, 0x1f, 0xd4, 0x75, 0xf5, 0xda,
		0x86, 0xa4, 0x9c, 0x8d, 0xd7, 0x3d, 0x68, 0xc8, 0xe2, 0x23};
	static const uint8_t nonce[GMAC_NONCE_BYTES] = {0xd7, 0x9c, 0xf2, 0x2d, 0x50, 0x4c,
							0xc7, 0x93, 0xc3, 0xfb, 0x6c, 0x8a};
	static uint8_t text[] = {0xb9, 0x6b, 0xaa, 0x8c, 0x1c, 0x75, 0xa6, 0x71,
				 0xbf, 0xb2, 0xd0, 0x8d, 0x06, 0xbe, 0x5f, 0x36};
	static const uint8_t wanted[GMAC_TAG_BYTES] = {0x3e, 0x5d, 0x48, 0x6a, 0xa2, 0xe3,
						       0x0b, 0x22, 0xe0, 0x40, 0xb8, 0x57,
						       0x23, 0xa0, 0x6e, 0x76};
	struct iovec whole = {text, sizeof(text)}, parts[] = {{text, 5}, {text + 5, 11}};
	struct gmac *gmac = gmac_new(key);
	uint8_t tag[GMAC_TAG_BYTES];

	(void)state;
	for (int round = 0; round < 2; round++) { /* one object serves many messages */
		gmac_tag(gmac, nonce, &whole, 1, tag);
		assert_true(gmac_tag_equal(tag, wanted));
		gmac_tag(gmac, nonce, parts, 2, tag);
		assert_true(gmac_tag_equal(tag, wanted));
	}
	text[0] ^= 1;
	gmac_tag(gmac, nonce, &whole, 1, tag);
	assert_false(gmac_tag_equal(tag, wanted));
	gmac_free(gmac);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_survive_the_wire),
		cmocka_unit_test(a_varint_of_more_than_32_bits_fails),
		cmocka_unit_test(crc32c_is_castagnoli),
		cmocka_unit_test(hmac_matches_rfc_4231),
		cmocka_unit_test(an_arena_says_no_past_its_limit),
		cmocka_unit_test(ids_have_kafkas_text_form),
		cmocka_unit_test(addresses_parse_and_print),
		cmocka_unit_test(timers_leave_the_heap_in_order),
		cmocka_unit_test(settings_name_the_line_that_is_wrong),
		cmocka_unit_test(gmac_is_aes_256_gcm_over_no_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
