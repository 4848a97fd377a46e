/* A libnvidia-ml.so.1 that says what the file named by NVML_STUB says, read anew at each call.
 *
 * One word and its values on each line; `gpu` begins a GPU, `slice` a MIG instance of it:
 *   init CODE              what opening returns
 *   session N              another N than at the opening: UNINITIALIZED, as after a reset
 *   driver TEXT
 *   gpu / slice
 *   uuid TEXT, name TEXT
 *   memory USED TOTAL      bytes
 *   util PERCENT, power MILLIWATTS LIMIT, temp CELSIUS, process PID BYTES (-1: not told)
 *   mig 1                  MIG mode is on
 *   fail WORD CODE         what asking for it returns; WORD handle: the GPU cannot be opened
 *   old                    a driver that lacks the newer calls
 * What a GPU does not name it does not support (3).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OK = 0, UNINITIALIZED = 1, INVALID = 2, NOT_SUPPORTED = 3, NOT_FOUND = 6, SMALL = 7,
       NO_FUNCTION = 13, GPUS = 32, SLICES = 8, PROCESSES = 8, FAILS = 8 };

typedef unsigned long long bytes;

struct device {
    char uuid[96], name[96];
    int has_memory, has_util, has_power, has_temp, mig, processes, fails, slices;
    bytes used, total, held[PROCESSES];
    unsigned util, power, limit, temp, pid[PROCESSES];
    char word[FAILS][16];
    int code[FAILS];
    int slice[SLICES];
};

struct machine {
    int init, session, old, gpus, count;
    char driver[80];
    int gpu[GPUS];
    struct device all[GPUS * (SLICES + 1)];
};

static __thread struct machine now;
static int opened = -1; /* the session of the opening; -1: not open */

static void text(char *to, size_t size, const char *from) {
    snprintf(to, size, "%s", from);
}

static void about(struct device *one, const char *word, const char *rest) {
    if (!strcmp(word, "uuid")) text(one->uuid, sizeof one->uuid, rest);
    else if (!strcmp(word, "name")) text(one->name, sizeof one->name, rest);
    else if (!strcmp(word, "memory"))
        one->has_memory = sscanf(rest, "%llu %llu", &one->used, &one->total) == 2;
    else if (!strcmp(word, "util")) one->has_util = sscanf(rest, "%u", &one->util) == 1;
    else if (!strcmp(word, "power"))
        one->has_power = sscanf(rest, "%u %u", &one->power, &one->limit) == 2;
    else if (!strcmp(word, "temp")) one->has_temp = sscanf(rest, "%u", &one->temp) == 1;
    else if (!strcmp(word, "mig")) one->mig = 1;
    else if (!strcmp(word, "process") && one->processes < PROCESSES) {
        long long held = 0;
        sscanf(rest, "%u %lld", &one->pid[one->processes], &held);
        one->held[one->processes++] = (bytes)held;
    } else if (!strcmp(word, "fail") && one->fails < FAILS) {
        sscanf(rest, "%15s %d", one->word[one->fails], &one->code[one->fails]);
        one->fails++;
    }
}

static int begun(struct machine *m, const char *word) {
    if (!strcmp(word, "gpu") && m->gpus < GPUS) {
        m->gpu[m->gpus++] = m->count++;
        return 1;
    }
    if (!strcmp(word, "slice") && m->gpus) {
        struct device *board = &m->all[m->gpu[m->gpus - 1]];
        if (board->slices < SLICES) board->slice[board->slices++] = m->count++;
        return 1;
    }
    return 0;
}

static void load(void) {
    char line[256], word[16];
    const char *path = getenv("NVML_STUB");
    FILE *file = path ? fopen(path, "r") : NULL;
    memset(&now, 0, sizeof now);
    while (file && fgets(line, sizeof line, file)) {
        int used = 0;
        line[strcspn(line, "\n")] = 0;
        if (sscanf(line, "%15s %n", word, &used) != 1) continue;
        const char *rest = line + used;
        if (!strcmp(word, "init")) now.init = atoi(rest);
        else if (!strcmp(word, "session")) now.session = atoi(rest);
        else if (!strcmp(word, "driver")) text(now.driver, sizeof now.driver, rest);
        else if (!strcmp(word, "old")) now.old = 1;
        else if (!begun(&now, word) && now.count) about(&now.all[now.count - 1], word, rest);
    }
    if (file) fclose(file);
}

static int ready(void) {
    load();
    return opened == now.session ? OK : UNINITIALIZED;
}

static int failing(const struct device *one, const char *word) {
    for (int i = 0; i < one->fails; i++)
        if (!strcmp(one->word[i], word)) return one->code[i];
    return OK;
}

/* A handle is the device's place in the file, plus one. */
static int find(void *handle, const char *word, struct device **one) {
    int code = ready();
    int place = (int)(size_t)handle - 1;
    if (code) return code;
    if (place < 0 || place >= now.count) return INVALID;
    *one = &now.all[place];
    return failing(*one, word);
}

int nvmlInitWithFlags(unsigned flags) {
    (void)flags;
    load();
    if (now.init == OK) opened = now.session;
    return now.init;
}

int nvmlInit_v2(void) { return nvmlInitWithFlags(0); }

int nvmlShutdown(void) {
    opened = -1;
    return OK;
}

const char *nvmlErrorString(int code) {
    return code == 999 ? "Unknown Error" : "an error of the stub";
}

int nvmlSystemGetDriverVersion(char *to, unsigned size) {
    int code = ready();
    if (code == OK) text(to, size, now.driver);
    return code;
}

int nvmlDeviceGetCount_v2(unsigned *count) {
    int code = ready();
    *count = (unsigned)now.gpus;
    return code;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **handle) {
    int code = ready();
    if (code) return code;
    if (index >= (unsigned)now.gpus) return INVALID;
    *handle = (void *)(size_t)(now.gpu[index] + 1);
    return failing(&now.all[now.gpu[index]], "handle");
}

int nvmlDeviceGetUUID(void *handle, char *to, unsigned size) {
    struct device *one;
    int code = find(handle, "uuid", &one);
    if (code == OK) text(to, size, one->uuid);
    return code;
}

int nvmlDeviceGetName(void *handle, char *to, unsigned size) {
    struct device *one;
    int code = find(handle, "name", &one);
    if (code == OK) text(to, size, one->name);
    return code;
}

struct memory { bytes total, free, used; };
struct memory_v2 { unsigned version; bytes total, reserved, free, used; };

int nvmlDeviceGetMemoryInfo_v2(void *handle, struct memory_v2 *to) {
    struct device *one;
    int code = find(handle, "memory", &one);
    if (code) return code;
    if (now.old) return NO_FUNCTION;
    if (!one->has_memory) return NOT_SUPPORTED;
    to->total = one->total, to->used = one->used, to->free = one->total - one->used;
    return OK;
}

int nvmlDeviceGetMemoryInfo(void *handle, struct memory *to) {
    struct device *one;
    int code = find(handle, "memory", &one);
    if (code) return code;
    if (!one->has_memory) return NOT_SUPPORTED;
    to->total = one->total, to->used = one->used, to->free = one->total - one->used;
    return OK;
}

struct rates { unsigned gpu, memory; };

int nvmlDeviceGetUtilizationRates(void *handle, struct rates *to) {
    struct device *one;
    int code = find(handle, "util", &one);
    if (code) return code;
    to->gpu = one->util, to->memory = 0;
    return one->has_util ? OK : NOT_SUPPORTED;
}

int nvmlDeviceGetPowerUsage(void *handle, unsigned *to) {
    struct device *one;
    int code = find(handle, "power", &one);
    if (code) return code;
    *to = one->power;
    return one->has_power ? OK : NOT_SUPPORTED;
}

int nvmlDeviceGetEnforcedPowerLimit(void *handle, unsigned *to) {
    struct device *one;
    int code = find(handle, "power", &one);
    if (code) return code;
    *to = one->limit;
    return one->has_power ? OK : NOT_SUPPORTED;
}

int nvmlDeviceGetTemperature(void *handle, unsigned sensor, unsigned *to) {
    struct device *one;
    int code = find(handle, "temp", &one);
    if (code) return code;
    *to = one->temp;
    return one->has_temp && sensor == 0 ? OK : NOT_SUPPORTED;
}

struct temperature { unsigned version, sensor; int celsius; };

int nvmlDeviceGetTemperatureV(void *handle, struct temperature *to) {
    unsigned celsius = 0;
    int code = nvmlDeviceGetTemperature(handle, to->sensor, &celsius);
    if (now.old) return NO_FUNCTION;
    to->celsius = (int)celsius;
    return code;
}

struct process { unsigned pid; bytes held; unsigned instance, compute; };

int nvmlDeviceGetComputeRunningProcesses_v3(void *handle, unsigned *count, struct process *to) {
    struct device *one;
    int code = find(handle, "process", &one);
    unsigned room = *count;
    if (code) return code;
    *count = (unsigned)one->processes;
    if (room < *count) return SMALL;
    for (unsigned i = 0; i < *count; i++) {
        to[i].pid = one->pid[i];
        to[i].held = one->held[i];
    }
    return OK;
}

int nvmlDeviceGetMigMode(void *handle, unsigned *current, unsigned *pending) {
    struct device *one;
    int code = find(handle, "mig", &one);
    if (code) return code;
    *current = *pending = (unsigned)one->mig;
    return one->mig ? OK : NOT_SUPPORTED;
}

int nvmlDeviceGetMaxMigDeviceCount(void *handle, unsigned *count) {
    struct device *one;
    int code = find(handle, "mig", &one);
    *count = 2 * SLICES;
    return code;
}

/* Every second place is empty, as instances need not be side by side. */
int nvmlDeviceGetMigDeviceHandleByIndex(void *handle, unsigned index, void **to) {
    struct device *one;
    int code = find(handle, "mig", &one);
    if (code) return code;
    if (index % 2 || index / 2 >= (unsigned)one->slices) return NOT_FOUND;
    *to = (void *)(size_t)(one->slice[index / 2] + 1);
    return OK;
}
