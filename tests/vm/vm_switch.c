/* The switch between virtual machines: an Ethernet bridge in user space. Each port is a Unix socket
 * that a QEMU connects to (`-netdev stream`), so that nothing of the host's network is touched.
 *
 *   vm_switch serve FOLDER PORT...   ports are FOLDER/PORT.sock; runs until it is ended
 *   vm_switch cut FOLDER PORT        the switch carries nothing from or to the port any more
 *   vm_switch mend FOLDER PORT
 *   vm_switch show FOLDER            a line for each port: name, state, frames in, out, dropped
 *
 * QEMU's stream: 4 bytes length in network order, then the frame, again and again.
 *
 * Invariants:
 *  1. A machine that dies takes its connection with it and nothing else; the port waits for the
 * next.
 *  2. Nobody waits for a slow machine: its queue is bounded, and a frame that does not fit is
 * dropped whole and counted, as a real switch does.
 *  3. No frame is larger than what a wire with an MTU of 1500 carries, a VLAN tag included: a
 * longer one is dropped and counted. */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum {
	PORTS_MAX = 16,
	MACS_MAX = 64,
	MAC_BYTES = 6,
	HEADER_BYTES = 4, /* QEMU's length */
	FRAME_MIN = 14,
	FRAME_MAX = 14 + 4 + 1500,
	LENGTH_MAX = 1 << 20, /* beyond this the stream is out of step */
	QUEUE_BYTES = 512 * 1024,
	BUFFER_BYTES = 64 * 1024,
	LINE_MAX_BYTES = 2048,
};
_Static_assert(BUFFER_BYTES > HEADER_BYTES + FRAME_MAX, "a whole frame fits");

struct port {
	const char *name;
	int listener;
	int fd; /* -1 while no machine is there */
	bool cut;
	uint8_t *in; /* BUFFER_BYTES */
	size_t in_bytes;
	size_t skip_bytes; /* of a frame that is too long: still to come */
	uint8_t *out;      /* QUEUE_BYTES */
	size_t out_bytes;
	uint64_t frames_in;
	uint64_t frames_out;
	uint64_t frames_dropped;
};

struct mac {
	uint8_t address[MAC_BYTES];
	unsigned port;
};

struct vm_switch {
	struct port ports[PORTS_MAX];
	unsigned port_count;
	struct mac macs[MACS_MAX]; /* a ring: the oldest gives way */
	unsigned mac_count;
	int control;
};

static void fail(const char *what)
{
	fprintf(stderr, "vm_switch: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void address_of(const char *folder, const char *name, struct sockaddr_un *ret_address)
{
	int length;

	memset(ret_address, 0, sizeof(*ret_address));
	ret_address->sun_family = AF_UNIX;
	length = snprintf(ret_address->sun_path, sizeof(ret_address->sun_path), "%s/%s.sock",
			  folder, name);
	if (length < 0 || (size_t)length >= sizeof(ret_address->sun_path)) {
		errno = ENAMETOOLONG;
		fail(folder);
	}
}

static int listen_at(const char *folder, const char *name)
{
	struct sockaddr_un address;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	address_of(folder, name, &address);
	unlink(address.sun_path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(fd, 4) < 0)
		fail(address.sun_path);
	return fd;
}

/* ---- frames ---- */

static void port_leave(struct port *p)
{
	if (p->fd >= 0)
		close(p->fd);
	p->fd = -1;
	p->in_bytes = 0;
	p->skip_bytes = 0;
	p->out_bytes = 0;
}

/* A machine that comes while another one is there replaces it. */
static void port_accept(struct port *p)
{
	int fd = accept4(p->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0)
		return;
	port_leave(p);
	p->fd = fd;
}

/* What the socket takes leaves the queue. */
static void port_flush(struct port *p)
{
	ssize_t sent;

	if (p->fd < 0 || p->out_bytes == 0)
		return;
	sent = send(p->fd, p->out, p->out_bytes, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (sent < 0 && errno != EAGAIN && errno != EINTR)
		port_leave(p);
	if (sent <= 0)
		return;
	p->out_bytes -= (size_t)sent;
	memmove(p->out, p->out + sent, p->out_bytes);
}

static void port_send(struct port *p, const uint8_t *frame, size_t size_bytes)
{
	uint32_t length = htonl((uint32_t)size_bytes);

	if (p->fd < 0 || p->cut || p->out_bytes + HEADER_BYTES + size_bytes > QUEUE_BYTES) {
		p->frames_dropped++;
		return;
	}
	memcpy(p->out + p->out_bytes, &length, HEADER_BYTES);
	memcpy(p->out + p->out_bytes + HEADER_BYTES, frame, size_bytes);
	p->out_bytes += HEADER_BYTES + size_bytes;
	p->frames_out++;
}

static struct mac *mac_find(struct vm_switch *s, const uint8_t *address)
{
	unsigned i, known = s->mac_count < MACS_MAX ? s->mac_count : MACS_MAX;

	for (i = 0; i < known; i++) {
		if (memcmp(s->macs[i].address, address, MAC_BYTES) == 0)
			return &s->macs[i];
	}
	return NULL;
}

static void mac_learn(struct vm_switch *s, const uint8_t *address, unsigned port)
{
	struct mac *m = mac_find(s, address);

	if (address[0] & 1) /* a group is nobody's source */
		return;
	if (!m) {
		m = &s->macs[s->mac_count++ % MACS_MAX];
		memcpy(m->address, address, MAC_BYTES);
	}
	m->port = port;
}

static void frame_forward(struct vm_switch *s, unsigned from, const uint8_t *frame,
			  size_t size_bytes)
{
	const struct mac *to;
	unsigned i;

	s->ports[from].frames_in++;
	if (s->ports[from].cut || size_bytes < FRAME_MIN) {
		s->ports[from].frames_dropped++;
		return;
	}
	mac_learn(s, frame + MAC_BYTES, from);
	to = mac_find(s, frame);
	for (i = 0; i < s->port_count; i++) {
		if (i != from && (!to || to->port == i))
			port_send(&s->ports[i], frame, size_bytes);
	}
}

/* Takes the frames out of the buffer that are whole. Returns how many bytes are used up, or -1
 * where the stream cannot be QEMU's. */
static ssize_t take_frames(struct vm_switch *s, unsigned index)
{
	struct port *p = &s->ports[index];
	size_t at = 0;
	uint32_t length;

	while (p->in_bytes - at >= HEADER_BYTES) {
		memcpy(&length, p->in + at, HEADER_BYTES);
		length = ntohl(length);
		if (length > LENGTH_MAX)
			return -1;
		if (length > FRAME_MAX) {
			p->frames_dropped++;
			p->skip_bytes = HEADER_BYTES + length;
		} else if (p->in_bytes - at - HEADER_BYTES < length) {
			break;
		} else {
			frame_forward(s, index, p->in + at + HEADER_BYTES, length);
			at += HEADER_BYTES + length;
			continue;
		}
		if (p->skip_bytes > p->in_bytes - at) {
			p->skip_bytes -= p->in_bytes - at;
			return (ssize_t)p->in_bytes;
		}
		at += p->skip_bytes;
		p->skip_bytes = 0;
	}
	return (ssize_t)at;
}

static void port_read(struct vm_switch *s, unsigned index)
{
	struct port *p = &s->ports[index];
	ssize_t got = recv(p->fd, p->in + p->in_bytes, BUFFER_BYTES - p->in_bytes, 0);
	size_t skipped;
	ssize_t used;

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0) {
		port_leave(p);
		return;
	}
	p->in_bytes += (size_t)got;
	skipped = p->skip_bytes < p->in_bytes ? p->skip_bytes : p->in_bytes;
	p->skip_bytes -= skipped;
	p->in_bytes -= skipped;
	memmove(p->in, p->in + skipped, p->in_bytes);
	used = take_frames(s, index);
	if (used < 0) {
		port_leave(p);
		return;
	}
	p->in_bytes -= (size_t)used;
	memmove(p->in, p->in + used, p->in_bytes);
}

/* ---- commands ---- */

static struct port *port_named(struct vm_switch *s, const char *name)
{
	unsigned i;

	for (i = 0; i < s->port_count; i++) {
		if (strcmp(s->ports[i].name, name) == 0)
			return &s->ports[i];
	}
	return NULL;
}

static void show(const struct vm_switch *s, FILE *answer)
{
	unsigned i;

	for (i = 0; i < s->port_count; i++) {
		const struct port *p = &s->ports[i];

		fprintf(answer, "%s %s in %llu out %llu dropped %llu\n", p->name,
			p->cut       ? "cut"
			: p->fd >= 0 ? "connected"
				     : "empty",
			(unsigned long long)p->frames_in, (unsigned long long)p->frames_out,
			(unsigned long long)p->frames_dropped);
	}
}

/* One line in, the answer out: what begins with "no " is a refusal. */
static void obey(struct vm_switch *s, char *line, FILE *answer)
{
	char *name = strchr(line, ' ');
	struct port *p;

	if (name)
		*name++ = '\0';
	p = name ? port_named(s, name) : NULL;
	if (strcmp(line, "show") == 0)
		show(s, answer);
	else if (!p)
		fprintf(answer, "no port %s\n", name ? name : "named");
	else if (strcmp(line, "cut") == 0 || strcmp(line, "mend") == 0)
		p->cut = line[0] == 'c';
	else
		fprintf(answer, "no command %s\n", line);
}

/* Whoever asks writes its line at once; one that does not is not waited for longer than a second.
 */
static void control_serve(struct vm_switch *s)
{
	struct timeval patience = {.tv_sec = 1};
	char line[LINE_MAX_BYTES];
	FILE *answer;
	ssize_t got;
	int fd = accept4(s->control, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		return;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	got = recv(fd, line, sizeof(line) - 1, 0);
	answer = fdopen(fd, "w");
	if (!answer)
		fail("fdopen");
	if (got > 0) {
		line[got] = '\0';
		obey(s, line, answer);
	}
	fclose(answer);
}

static int say(int argc, char **argv)
{
	struct sockaddr_un address;
	char line[LINE_MAX_BYTES], *answer = line;
	size_t size_bytes = 0;
	ssize_t got;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	address_of(argv[2], "control", &address);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		fail(address.sun_path);
	snprintf(line, sizeof(line), argc > 3 ? "%s %s" : "%s", argv[1], argc > 3 ? argv[3] : "");
	if (send(fd, line, strlen(line), MSG_NOSIGNAL) < 0)
		fail("send");
	while ((got = recv(fd, answer + size_bytes, sizeof(line) - 1 - size_bytes, 0)) > 0)
		size_bytes += (size_t)got;
	answer[size_bytes] = '\0';
	fputs(answer, stdout);
	return strncmp(answer, "no ", 3) == 0;
}

/* ---- the loop ---- */

enum { POLL_PER_PORT = 2 }; /* its listener, its machine */

static void serve_round(struct vm_switch *s)
{
	struct pollfd polls[PORTS_MAX * POLL_PER_PORT + 1];
	unsigned i, n = 0;

	for (i = 0; i < s->port_count; i++) {
		struct port *p = &s->ports[i];
		short wanted = p->out_bytes > 0 ? POLLIN | POLLOUT : POLLIN;

		polls[n++] = (struct pollfd){.fd = p->listener, .events = POLLIN};
		polls[n++] = (struct pollfd){.fd = p->fd, .events = wanted};
	}
	polls[n++] = (struct pollfd){.fd = s->control, .events = POLLIN};
	if (poll(polls, n, -1) < 0 && errno != EINTR)
		fail("poll");
	for (i = 0; i < s->port_count; i++) {
		if (polls[i * POLL_PER_PORT + 1].revents & (POLLIN | POLLHUP | POLLERR))
			port_read(s, i);
		if (polls[i * POLL_PER_PORT].revents)
			port_accept(&s->ports[i]);
	}
	if (polls[n - 1].revents)
		control_serve(s);
	for (i = 0; i < s->port_count; i++)
		port_flush(&s->ports[i]);
}

static void *buffer_new(size_t size_bytes)
{
	void *buffer = malloc(size_bytes);

	if (!buffer)
		fail("malloc");
	return buffer;
}

static _Noreturn void serve(int argc, char **argv)
{
	struct vm_switch *s = calloc(1, sizeof(*s));
	int i;

	if (!s)
		fail("calloc");
	for (i = 3; i < argc; i++) {
		s->ports[s->port_count++] = (struct port){
			.name = argv[i],
			.listener = listen_at(argv[2], argv[i]),
			.fd = -1,
			.in = buffer_new(BUFFER_BYTES),
			.out = buffer_new(QUEUE_BYTES),
		};
	}
	s->control = listen_at(argv[2], "control");
	for (;;)
		serve_round(s);
}

int main(int argc, char **argv)
{
	const char *command = argc > 2 ? argv[1] : "";

	if (strcmp(command, "serve") == 0 && argc > 3 && argc <= 3 + PORTS_MAX)
		serve(argc, argv);
	if (argc == 4 && (strcmp(command, "cut") == 0 || strcmp(command, "mend") == 0))
		return say(argc, argv);
	if (argc == 3 && strcmp(command, "show") == 0)
		return say(argc, argv);
	fprintf(stderr, "usage: vm_switch serve FOLDER PORT...\n"
			"       vm_switch cut|mend FOLDER PORT\n"
			"       vm_switch show FOLDER\n");
	return 2;
}
