/* Owns the choice of a mode, the skeleton, and the hook.
 *
 * 1. The XDP link is not pinned: it ends with this process. A TC filter would outlive it, so the
 *    next start clears its place.
 * 2. Only our own place is ever cleared; other programs on the interface stay. */
#include "steer/attach.h"

#include "base/mem.h"
#include "steer/pins.h"
#include "steer/skeleton.h"
#include "steer/tc_hook.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct attachment {
	struct steer_bpf *programs; /* NULL in mode off */
	enum steer_mode mode;
	uint32_t if_index;
	int xdp_link; /* a descriptor, or -1 */
};

static int stay_silent(enum libbpf_print_level level, const char *format, va_list arguments)
{
	(void)level;
	(void)format;
	(void)arguments;
	return 0; /* libbpf reports what we then explain in one sentence */
}

static int tc_attach(struct attachment *a)
{
	return tc_hook_attach(a->if_index, BPF_TC_INGRESS,
			      bpf_program__fd(a->programs->progs.bw_steer_tc));
}

static int xdp_attach(struct attachment *a)
{
	LIBBPF_OPTS(bpf_link_create_opts, native, .flags = XDP_FLAGS_DRV_MODE);
	int fd = bpf_link_create(bpf_program__fd(a->programs->progs.bw_steer_xdp), (int)a->if_index,
				 BPF_XDP, &native);

	if (fd < 0)
		return -errno;
	a->xdp_link = fd;
	return 0;
}

static int load(struct attachment *a, const struct attach_options *o, char *error)
{
	struct steer_config *config;
	int rc;

	a->programs = steer_bpf__open();
	if (!a->programs) {
		rc = -errno;
		snprintf(error, ATTACH_ERROR_BYTES, "the BPF object cannot be opened: %s",
			 strerror(-rc));
		return rc;
	}
	config = (struct steer_config *)&a->programs->rodata->bw_config;
	config->grace_ns = o->grace_us * 1000;
	memcpy(config->own_mac, o->link->mac, sizeof(config->own_mac));
	rc = pins_prepare(a->programs->obj, o->instance);
	if (rc == -EOPNOTSUPP) {
		snprintf(error, ATTACH_ERROR_BYTES,
			 "/sys/fs/bpf is not a BPF file system: mount -t bpf bpf /sys/fs/bpf (ip "
			 "netns exec hides it: use nsenter --net)");
		return rc;
	}
	if (rc < 0) {
		snprintf(error, ATTACH_ERROR_BYTES,
			 "the maps cannot be pinned under /sys/fs/bpf/bellwether/%s (%s): make "
			 "that folder and give it to bwsteer's user, or run as its owner",
			 o->instance, strerror(-rc));
		return rc;
	}
	rc = steer_bpf__load(a->programs);
	if (rc == -EPERM)
		snprintf(error, ATTACH_ERROR_BYTES,
			 "the kernel refuses to load BPF programs: give bwsteer CAP_BPF and "
			 "CAP_NET_ADMIN, and check kernel lockdown and RLIMIT_MEMLOCK");
	else if (rc < 0)
		snprintf(error, ATTACH_ERROR_BYTES,
			 "this kernel does not load the steering programs (%s): Linux 6.1 or newer "
			 "is needed, or set steer.mode=off",
			 strerror(-rc));
	return rc;
}

static void explain_xdp(int rc, const char *interface, char *error)
{
	if (rc == -EBUSY || rc == -EEXIST)
		snprintf(error, ATTACH_ERROR_BYTES,
			 "another program sits on the XDP hook of %s: remove it (ip link set dev "
			 "%s xdp off) or set steer.mode=tc",
			 interface, interface);
	else if (rc == -EOPNOTSUPP)
		snprintf(error, ATTACH_ERROR_BYTES,
			 "the driver of %s has no native XDP: set steer.mode=tc", interface);
	else
		snprintf(error, ATTACH_ERROR_BYTES,
			 "XDP cannot be attached to %s (%s): its driver may want other queues, LRO "
			 "off (ethtool -K %s lro off) or a smaller MTU; or set steer.mode=tc",
			 interface, strerror(-rc), interface);
}

static void explain_tc(int rc, const char *interface, char *error)
{
	if (rc == -EPERM)
		snprintf(error, ATTACH_ERROR_BYTES,
			 "a TC filter cannot be attached to %s: give bwsteer CAP_NET_ADMIN",
			 interface);
	else
		snprintf(error, ATTACH_ERROR_BYTES,
			 "a TC filter cannot be attached to %s (%s): the kernel needs sch_ingress "
			 "and cls_bpf; or set steer.mode=off",
			 interface, strerror(-rc));
}

/* Returns 0 or -errno; sets the mode and the reason for it. */
static int choose_and_attach(struct attachment *a, const struct attach_options *o,
			     const char **ret_reason, char *error)
{
	bool is_virtual = o->link->kind[0] != 0;
	int rc;

	*ret_reason = "steer.mode asks for it";
	if (o->wish == ATTACH_XDP || (o->wish == ATTACH_AUTO && !is_virtual)) {
		rc = xdp_attach(a);
		a->mode = STEER_MODE_XDP;
		if (rc < 0)
			explain_xdp(rc, o->interface, error);
		if (rc == 0 && o->wish == ATTACH_AUTO)
			*ret_reason = "the driver has native XDP";
		if (rc == 0 || o->wish == ATTACH_XDP)
			return rc;
		*ret_reason = "the driver refused native XDP";
	} else if (o->wish == ATTACH_AUTO) {
		*ret_reason = "on a virtual link XDP would end segmentation offload";
	}
	rc = tc_attach(a);
	a->mode = STEER_MODE_TC;
	if (rc < 0)
		explain_tc(rc, o->interface, error);
	return rc;
}

int attach_new(const struct attach_options *options, struct log *log, struct attachment **ret,
	       char error[static ATTACH_ERROR_BYTES])
{
	struct attachment *a = mem_alloc(sizeof(*a));
	const char *reason = "";
	int rc;

	libbpf_set_print(stay_silent);
	a->if_index = options->link->if_index;
	a->xdp_link = -1;
	tc_hook_clear(a->if_index, BPF_TC_INGRESS);
	if (options->wish == ATTACH_OFF) {
		log_line(log, LOG_INFO, "mode off: nothing is attached, user space forwards");
		*ret = a;
		return 0;
	}
	rc = load(a, options, error);
	if (rc == 0)
		rc = choose_and_attach(a, options, &reason, error);
	if (rc < 0)
		goto fail;
	log_line(log, LOG_INFO, "mode %s on %s: %s", a->mode == STEER_MODE_XDP ? "xdp" : "tc",
		 options->interface, reason);
	*ret = a;
	return 0;
fail:
	a->mode = STEER_MODE_OFF; /* nothing to detach */
	attach_free(a);
	return rc;
}

void attach_free(struct attachment *a)
{
	if (!a)
		return;
	if (a->mode == STEER_MODE_TC)
		tc_hook_clear(a->if_index, BPF_TC_INGRESS);
	if (a->xdp_link >= 0)
		close(a->xdp_link);
	steer_bpf__destroy(a->programs);
	mem_free(a);
}

enum steer_mode attach_mode(const struct attachment *a)
{
	return a->mode;
}

struct maps attach_maps(const struct attachment *a)
{
	struct maps maps = MAPS_NONE;

	if (!a->programs)
		return maps;
	maps.slots = bpf_map__fd(a->programs->maps.bw_slots);
	maps.peers = bpf_map__fd(a->programs->maps.bw_peers);
	maps.leaders = bpf_map__fd(a->programs->maps.bw_leaders);
	maps.cluster = bpf_map__fd(a->programs->maps.bw_cluster);
	maps.verdicts = bpf_map__fd(a->programs->maps.bw_verdicts);
	maps.slot_stats = bpf_map__fd(a->programs->maps.bw_slot_stats);
	maps.resets = bpf_map__fd(a->programs->maps.bw_resets);
	return maps;
}
