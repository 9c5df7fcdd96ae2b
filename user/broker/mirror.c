/* Owns the socket that a shard mirrors with. Each shard has one of its own on the same address: the
 * kernel chooses by the slot in a piece's header (broker_shard_of_slot()), and what comes to the
 * wrong shard all the same goes on from there. */
#include "broker/mirror_int.h"

#include "base/mem.h"
#include "broker/limits.h"

#include <string.h>

void mirror_open(struct shard *shard)
{
	struct broker *broker = shard->worker.broker;
	const struct image_endpoint *endpoint = &broker->addresses->listeners[IMAGE_INTERNAL];
	struct mirror *mirror;
	char text[NET_ADDRESS_TEXT_BYTES];
	int rc;

	if (!endpoint->host || broker->settings->mirror_mode == MIRROR_MODE_OFF)
		return;
	mirror = mem_alloc(sizeof(*mirror));
	mirror->shard = shard;
	mirror->counts = &shard->worker.counters.mirror;
	rc = env_datagrams_open(
		shard->worker.env, &endpoint->address,
		(struct env_listen_options){.shared_port = true,
					    .chosen_of = broker->shard_count,
					    .chosen_at = offsetof(struct mirror_piece, slot)},
		mirror_receive_ready, mirror, &mirror->socket);
	if (rc < 0) {
		env_log(shard->worker.env, LOG_WARN,
			"nothing is mirrored, followers fetch: UDP %s: %s",
			net_address_format(&endpoint->address, text), strerror(-rc));
		mem_free(mirror);
		return;
	}
	shard->mirror = mirror;
}

void mirror_close(struct shard *shard)
{
	struct mirror *mirror = shard->mirror;

	if (!mirror)
		return;
	shard->mirror = NULL;
	env_socket_close(shard->worker.env, mirror->socket);
	mirror_send_done(mirror);
	mirror_receive_done(mirror);
	mem_free(mirror);
}

void mirror_apply(struct shard *shard, const struct image *image)
{
	if (shard->mirror)
		mirror_send_apply(shard->mirror, image);
}
