/* Owns the reading of the effective capability set. */
#include "steer/capability.h"

#include <linux/capability.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool has(const struct __user_cap_data_struct data[2], unsigned capability)
{
	return data[capability / 32].effective & 1U << capability % 32;
}

const char *capability_missing(bool with_bpf)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {0};

	if (syscall(SYS_capget, &header, data) < 0)
		return "capget()";
	if (!has(data, CAP_NET_ADMIN))
		return "CAP_NET_ADMIN";
	if (!has(data, CAP_NET_RAW))
		return "CAP_NET_RAW";
	if (with_bpf && !has(data, CAP_BPF) && !has(data, CAP_SYS_ADMIN))
		return "CAP_BPF";
	return NULL;
}
