/* Where an instance's maps are pinned: /sys/fs/bpf/bellwether/INSTANCE/, maps only, 0600. */
#pragma once

enum { PINS_PATH_BYTES = 192 };

struct bpf_object;

/* Sets the pin path of each bw_ map of an object that is open and not yet loaded, so that the load
 * takes over the maps of an earlier life. A pin of another shape (an upgrade) is removed. Returns
 * 0, -EOPNOTSUPP when bpffs is not mounted, or another -errno. */
int pins_prepare(struct bpf_object *object, const char *instance);

/* Opens one map of an instance. Returns a descriptor or -errno. */
int pins_open(const char *instance, const char *map);
