/* Owns the folder of pins. Maps only, never links: a dead loader must leave no program behind. */
#include "steer/pins.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

static const char *const root = "/sys/fs/bpf";
static const char *const folder = "/sys/fs/bpf/bellwether";

static void format_path(char path[static PINS_PATH_BYTES], const char *instance, const char *map)
{
	snprintf(path, PINS_PATH_BYTES, "%s/%s%s%s", folder, instance, *map ? "/" : "", map);
}

static int make_folder(const char *path, mode_t mode)
{
	return mkdir(path, mode) == 0 || errno == EEXIST ? 0 : -errno;
}

static bool has_same_shape(int pinned, const struct bpf_map *map)
{
	struct bpf_map_info info = {0};
	__u32 size = sizeof(info);

	return bpf_obj_get_info_by_fd(pinned, &info, &size) == 0 &&
	       info.type == (__u32)bpf_map__type(map) && info.key_size == bpf_map__key_size(map) &&
	       info.value_size == bpf_map__value_size(map) &&
	       info.max_entries == bpf_map__max_entries(map) &&
	       info.map_flags == bpf_map__map_flags(map);
}

static int prepare_map(struct bpf_map *map, const char *instance)
{
	char path[PINS_PATH_BYTES];
	int pinned;

	format_path(path, instance, bpf_map__name(map));
	pinned = bpf_obj_get(path);
	if (pinned < 0 && errno != ENOENT)
		return -errno;
	if (pinned >= 0 && !has_same_shape(pinned, map) && unlink(path) < 0) {
		int rc = -errno;

		close(pinned);
		return rc;
	}
	if (pinned >= 0)
		close(pinned);
	return bpf_map__set_pin_path(map, path);
}

static bool is_on_bpffs(const char *path)
{
	struct statfs file_system;

	return statfs(path, &file_system) == 0 && file_system.f_type == BPF_FS_MAGIC;
}

int pins_prepare(struct bpf_object *object, const char *instance)
{
	char path[PINS_PATH_BYTES];
	struct bpf_map *map;
	int rc;

	/* The systemd unit shows us nothing of the BPF file system but our folder. */
	if (!is_on_bpffs(folder) && !is_on_bpffs(root))
		return -EOPNOTSUPP;
	format_path(path, instance, "");
	rc = make_folder(folder, 0755); /* instances of other users lie beside ours */
	if (rc == 0)
		rc = make_folder(path, 0700);
	bpf_object__for_each_map(map, object)
	{
		if (rc == 0 && strncmp(bpf_map__name(map), "bw_", 3) == 0)
			rc = prepare_map(map, instance);
	}
	return rc;
}

int pins_open(const char *instance, const char *map)
{
	char path[PINS_PATH_BYTES];
	int fd;

	format_path(path, instance, map);
	fd = bpf_obj_get(path);
	return fd < 0 ? -errno : fd;
}
