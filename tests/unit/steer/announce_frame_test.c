/* Announcements byte by byte, against frames that were written out by hand from the RFCs. */
#include "steer/announce_frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static const uint8_t mac[6] = {2, 0, 0, 0, 0, 9};

static void ipv4_is_a_gratuitous_arp_request(void **unused)
{
	static const uint8_t ip[16] = {[10] = 0xff, [11] = 0xff, [12] = 10, [13] = 77, [15] = 100};
	static const uint8_t expected[42] = {
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 9, 8, 6, /* to all, ARP */
		0, 1, 8, 0, 6, 4, 0, 1,                                     /* request */
		2, 0, 0, 0, 0, 9, 10, 77, 0, 100,                           /* sender */
		0, 0, 0, 0, 0, 0, 10, 77, 0, 100,                           /* target */
	};
	uint8_t frame[ANNOUNCE_FRAME_BYTES_MAX];

	(void)unused;
	assert_int_equal(announce_frame(ip, mac, mac, frame), sizeof(expected));
	assert_memory_equal(frame, expected, sizeof(expected));
}

static void ipv6_is_an_unsolicited_advertisement_with_a_right_checksum(void **unused)
{
	static const uint8_t ip[16] = {0xfd, 0x77, [15] = 100};
	uint8_t frame[ANNOUNCE_FRAME_BYTES_MAX];
	uint32_t sum = 32 + 58;

	(void)unused;
	assert_int_equal(announce_frame(ip, mac, mac, frame), 86);
	assert_int_equal(frame[14 + 6], 58);
	assert_int_equal(frame[14 + 7], 255);
	assert_int_equal(frame[54], 136);
	assert_memory_equal(frame + 62, ip, 16);
	assert_memory_equal(frame + 80, mac, 6);
	for (size_t i = 22; i < 86; i += 2)
		sum += (uint32_t)(frame[i] << 8 | frame[i + 1]);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	assert_int_equal(sum, 0xffff);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ipv4_is_a_gratuitous_arp_request),
		cmocka_unit_test(ipv6_is_an_unsolicited_advertisement_with_a_right_checksum),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
