/* Connections that misbehave, against a running broker:
 *
 *	hostile frames ADDRESS COUNT SEED     to a client listener
 *	hostile strangers ADDRESS COUNT SEED  to the internal listener: nobody may be answered
 *	hostile peers ADDRESS COUNT SEED      the same after the brokers' own handshake
 *	hostile impostors ADDRESS             handshakes with a wrong SECRET or CLUSTER
 *	hostile held ADDRESS                  half frames and empty promises, until end of input
 *	hostile steady ADDRESS                a client that behaves; until SIGTERM
 *
 * A frame is followed by the end of our side of the connection: the broker has to end its own then,
 * whatever it was doing. What comes back must be whole frames. */
#include "hostile.h"

#include "base/mem.h"
#include "broker/handshake.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	AT_ONCE = 32,
	PEER_FRAMES = 4,
	HALF_FRAMES = 1000,
	PROMISES = 50,
	PROMISE_BYTES = 100 << 20,
};

enum hostile_mode { MODE_FRAMES, MODE_STRANGERS, MODE_PEERS };

struct hostile {
	const char *address;
	enum hostile_mode mode;
	struct frame_maker maker;
	struct buffer bytes, answer;
	int fds[AT_ONCE];
	uint64_t answers;
};

static int complain(const char *sentence)
{
	fprintf(stderr, "hostile: %s\n", sentence);
	return -1;
}

/* ---- one connection ---- */

static int begin(struct hostile *h, int *ret_fd)
{
	uint64_t draw = fill_random(&h->maker.filler);
	int frames = h->mode == MODE_PEERS ? PEER_FRAMES : 1;
	int fd = client_open(h->address);

	if (fd < 0)
		return complain("nobody accepts");
	*ret_fd = fd;
	if (h->mode == MODE_PEERS &&
	    hostile_handshake(fd, draw % 8 == 0 ? HANDSHAKE_FORWARD : HANDSHAKE_PEER,
			      (int32_t)(draw >> 8) % (LANE_FETCH + 2), draw) < 0)
		return complain("the handshake failed");
	h->bytes.size = 0;
	for (int i = 0; i < frames; i++)
		frame_make(&h->maker, &h->bytes);
	client_send(fd, h->bytes.data, h->bytes.size); /* it may be closed already */
	shutdown(fd, SHUT_WR);
	return 0;
}

static int end(struct hostile *h, int fd)
{
	enum client_result result;

	while ((result = client_receive(fd, &h->answer)) == CLIENT_OK)
		h->answers++;
	if (result == CLIENT_SILENT)
		return complain("a connection stays open after our end of it");
	return result == CLIENT_RUBBISH ? complain("a frame came that is none") : 0;
}

static int run_frames(struct hostile *h, uint64_t count, uint64_t seed)
{
	int rc = 0;

	frame_maker_init(&h->maker, h->mode == MODE_PEERS ? HOSTILE_PEER : HOSTILE_CLIENT, seed);
	while (rc == 0 && h->maker.made < count) {
		for (int i = 0; i < AT_ONCE; i++)
			h->fds[i] = -1;
		for (int i = 0; rc == 0 && i < AT_ONCE; i++)
			rc = begin(h, &h->fds[i]);
		for (int i = 0; rc == 0 && i < AT_ONCE; i++)
			rc = end(h, h->fds[i]);
		for (int i = 0; i < AT_ONCE; i++)
			client_close(h->fds[i]);
	}
	printf("hostile: %llu frames, %llu answers, every byte changed %llu times, SEED=%llu\n",
	       (unsigned long long)h->maker.made, (unsigned long long)h->answers,
	       (unsigned long long)h->maker.rounds, (unsigned long long)seed);
	if (rc == 0 && h->mode == MODE_STRANGERS && h->answers > 0)
		rc = complain("a stranger was answered");
	if (rc == 0 && h->mode != MODE_STRANGERS && h->answers == 0)
		rc = complain("not one good frame was among them");
	frame_maker_done(&h->maker);
	buffer_done(&h->bytes);
	buffer_done(&h->answer);
	return rc;
}

/* ---- half frames ---- */

static int hold(const char *address)
{
	static const uint8_t promise[] = {PROMISE_BYTES >> 24, PROMISE_BYTES >> 16 & 0xff, 0, 0,
					  0, 3, 0, 4};
	static const uint8_t half[] = {0, 0, 1, 0, 0, 3, 0, 4, 0, 0, 0, 1, 0};
	int fds[HALF_FRAMES + PROMISES];
	int rc = 0;

	for (int i = 0; i < HALF_FRAMES + PROMISES; i++) {
		fds[i] = client_open(address);
		if (fds[i] < 0 ||
		    client_send(fds[i], i < HALF_FRAMES ? half : promise,
				i < HALF_FRAMES ? sizeof(half) : sizeof(promise)) != CLIENT_OK)
			return complain("nobody accepts a thousand connections");
	}
	puts("held");
	fflush(stdout);
	while (getchar() != EOF)
		;
	/* All of them are waited for: nobody was closed for being slow. */
	for (int i = 0; i < HALF_FRAMES + PROMISES; i++) {
		char byte;

		if (recv(fds[i], &byte, 1, MSG_DONTWAIT) >= 0)
			rc = complain("a half frame was answered, or closed");
		client_close(fds[i]);
	}
	return rc;
}

/* ---- impostors ---- */

static int impose(const char *address)
{
	for (int purpose = HANDSHAKE_PEER; purpose <= HANDSHAKE_FORWARD; purpose++) {
		int fd = client_open(address);

		if (fd < 0)
			return complain("nobody accepts");
		if (hostile_impose(fd, (int8_t)purpose) < 0)
			return complain("an impostor is believed, or kept waiting");
		client_close(fd);
	}
	return 0;
}

int main(int argc, char **argv)
{
	static const char *const modes[] = {"frames", "strangers", "peers"};
	struct hostile h = {.address = argc > 2 ? argv[2] : NULL};
	const char *mode = argc > 1 ? argv[1] : "";
	int rc = -1;

	if (argc == 3 && strcmp(mode, "steady") == 0)
		return hostile_steady(h.address);
	if (argc == 3 && strcmp(mode, "held") == 0)
		return hold(h.address) < 0;
	if (argc == 3 && strcmp(mode, "impostors") == 0)
		return impose(h.address) < 0;
	for (int i = 0; argc == 5 && i < 3; i++) {
		if (strcmp(mode, modes[i]) != 0)
			continue;
		h.mode = (enum hostile_mode)i;
		rc = run_frames(&h, strtoull(argv[3], NULL, 0), strtoull(argv[4], NULL, 0));
		return rc < 0;
	}
	complain("frames|strangers|peers ADDRESS COUNT SEED, impostors|held|steady ADDRESS");
	return 2;
}
