/* Owns loading, running and reading. */
#include "bpf/rig.h"

#include "base/mem.h"
#include "steer/skeleton.h"

#include <bpf/bpf.h>
#include <errno.h>

enum {
	HEADERS_BYTES_MAX = 14 + 40, /* a shorter frame may have no whole IP header */
	SKB_BYTES_MAX = 3500,        /* a longer one may not fit a page with its head and tail */
};

int rig_load(uint64_t grace_ns, struct rig *ret_rig)
{
	struct steer_bpf *programs = steer_bpf__open();
	struct steer_config *config;
	int rc;

	if (!programs)
		return -errno;
	config = (struct steer_config *)&programs->rodata->bw_config;
	config->grace_ns = grace_ns;
	packet_mac(config->own_mac, MAC_NODE);
	rc = steer_bpf__load(programs);
	if (rc < 0) {
		steer_bpf__destroy(programs);
		return rc;
	}
	ret_rig->programs = programs;
	ret_rig->maps = (struct maps){
		.slots = bpf_map__fd(programs->maps.bw_slots),
		.peers = bpf_map__fd(programs->maps.bw_peers),
		.leaders = -1,
		.cluster = -1,
		.verdicts = bpf_map__fd(programs->maps.bw_verdicts),
		.slot_stats = bpf_map__fd(programs->maps.bw_slot_stats),
	};
	return 0;
}

void rig_unload(struct rig *rig)
{
	steer_bpf__destroy(rig->programs);
}

int rig_run_program(int program, const struct packet *in, struct packet *ret_out)
{
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = in->bytes, .data_out = ret_out->bytes,
		    .data_size_in = (__u32)in->size, .data_size_out = sizeof(ret_out->bytes),
		    .repeat = 1);
	int rc = bpf_prog_test_run_opts(program, &options);

	if (rc == -EINVAL && (in->size < HEADERS_BYTES_MAX || in->size > SKB_BYTES_MAX))
		return NOT_RUN;
	if (rc < 0)
		return rc;
	ret_out->size = options.data_size_out;
	return (int)options.retval;
}

int rig_run(const struct rig *rig, enum entry_point entry, const struct packet *in,
	    struct packet *ret_out)
{
	struct bpf_program *program =
		entry == XDP ? rig->programs->progs.bw_steer_xdp : rig->programs->progs.bw_steer_tc;

	return rig_run_program(bpf_program__fd(program), in, ret_out);
}

int rig_read_verdicts(const struct rig *rig, struct verdict_stats ret_sums[STEER_VERDICT_COUNT])
{
	int cpus = libbpf_num_possible_cpus(), rc;
	uint32_t keys[STEER_VERDICT_COUNT], next, count = STEER_VERDICT_COUNT;
	struct verdict_stats *values =
		mem_alloc(sizeof(*values) * STEER_VERDICT_COUNT * (size_t)cpus);

	rc = bpf_map_lookup_batch(rig->maps.verdicts, NULL, &next, keys, values, &count, NULL);
	for (uint32_t i = 0; i < count; i++) {
		struct verdict_stats *sum = &ret_sums[keys[i]];

		*sum = (struct verdict_stats){0};
		for (int cpu = 0; cpu < cpus; cpu++) {
			sum->packets += values[i * (uint32_t)cpus + (uint32_t)cpu].packets;
			sum->bytes += values[i * (uint32_t)cpus + (uint32_t)cpu].bytes;
		}
	}
	mem_free(values);
	return count == STEER_VERDICT_COUNT ? 0 : rc;
}
