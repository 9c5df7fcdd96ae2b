/* Owns the mirroring program's skeleton and its place on the egress hook.
 *
 * 1. Nothing here is needed: every failure is one line with its remedy, and an object that is not
 *    attached. */
#include "steer/mirroring.h"

#include "base/mem.h"
#include "steer/offload.h"
#include "steer/pins.h"
#include "steer/skeleton.h"
#include "steer/tc_hook.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>

struct mirroring {
	struct mirror_bpf *programs; /* NULL: not attached */
	const char *interface;
	uint32_t if_index;
};

static int load_and_attach(struct mirroring *m, const char *instance)
{
	int rc;

	m->programs = mirror_bpf__open();
	if (!m->programs)
		return -errno;
	rc = pins_prepare(m->programs->obj, instance);
	if (rc == 0)
		rc = mirror_bpf__load(m->programs);
	if (rc == 0)
		rc = tc_hook_attach(m->if_index, BPF_TC_EGRESS,
				    bpf_program__fd(m->programs->progs.bw_mirror_tc));
	return rc;
}

static void give_up(struct mirroring *m)
{
	mirror_bpf__destroy(m->programs);
	m->programs = NULL;
}

/* Sets of an earlier life have nobody who looks after them. */
static void empty_sets(const struct mirroring *m)
{
	int map = bpf_map__fd(m->programs->maps.bw_mirrors);
	uint32_t slot;

	while (bpf_map_get_next_key(map, NULL, &slot) == 0)
		if (bpf_map_delete_elem(map, &slot) < 0)
			return;
}

static void explain(const struct mirroring *m, int rc, struct log *log)
{
	log_line(
		log, LOG_WARN,
		"the mirroring program cannot be attached to %s (%s), and user space sends to each "
		"follower: the kernel needs sch_ingress and cls_bpf, Linux 6.1 or newer, and "
		"nobody else at filter priority 48657 of the egress hook (tc filter show dev %s "
		"egress); or set mirror.attach=off",
		m->interface, strerror(-rc), m->interface);
}

struct mirroring *mirroring_new(const char *interface, uint32_t if_index, const char *instance,
				bool is_wanted, struct log *log)
{
	struct mirroring *m = mem_alloc(sizeof(*m));
	int rc;

	m->interface = interface;
	m->if_index = if_index;
	tc_hook_clear(if_index, BPF_TC_EGRESS);
	if (!is_wanted)
		return m;
	rc = load_and_attach(m, instance);
	if (rc < 0) {
		explain(m, rc, log);
		give_up(m);
		return m;
	}
	empty_sets(m);
	log_line(log, LOG_INFO, "mirroring in the kernel on %s%s", interface,
		 offload_segments_udp(interface)
			 ? ""
			 : ": tx-udp-segmentation is off there (on a virtual link an XDP program "
			   "at its other end turns it off), so a copy costs as much as a send");
	return m;
}

void mirroring_free(struct mirroring *m)
{
	if (!m)
		return;
	if (m->programs)
		tc_hook_clear(m->if_index, BPF_TC_EGRESS);
	give_up(m);
	mem_free(m);
}

bool mirroring_is_attached(const struct mirroring *m)
{
	return m->programs != NULL;
}

void mirroring_check(struct mirroring *m, struct log *log)
{
	if (!m->programs || tc_hook_is_taken(m->if_index, BPF_TC_EGRESS))
		return;
	log_line(log, LOG_WARN,
		 "somebody has taken the mirroring program off %s, and user space sends to each "
		 "follower: start bwsteer again to have it back",
		 m->interface);
	give_up(m);
}

void mirroring_maps(const struct mirroring *m, struct maps *maps)
{
	maps->mirrors = m->programs ? bpf_map__fd(m->programs->maps.bw_mirrors) : -1;
	maps->mirror_verdicts =
		m->programs ? bpf_map__fd(m->programs->maps.bw_mirror_verdicts) : -1;
}
