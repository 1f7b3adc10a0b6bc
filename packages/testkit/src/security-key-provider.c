/*
 * A SecurityKeyProvider for OpenSSH that asks the test for each signature: it
 * passes what it is given over the Unix socket in SECURITY_KEY_SOCKET and
 * returns the answer. The key itself is in the test's process.
 *
 * The interface is OpenSSH's sk-api.h; SK_API_VERSION, which it must name, is
 * defined when this file is compiled.
 *
 * question: u32 length, flags asked for (1 byte), data
 * answer:   u8 ok, u8 flags, u32 counter, 64 bytes of signature
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define UNSUPPORTED (-2)
#define GENERAL (-1)
#define ALGORITHM_ED25519 1

struct answer {
  uint8_t flags;
  uint32_t counter;
  uint8_t *sig_r;
  size_t sig_r_len;
  uint8_t *sig_s;
  size_t sig_s_len;
};

uint32_t sk_api_version(void) { return SK_API_VERSION; }

static int all(int fd, uint8_t *bytes, size_t length, int out) {
  while (length > 0) {
    ssize_t n = out ? write(fd, bytes, length) : read(fd, bytes, length);
    if (n <= 0) return -1;
    bytes += n;
    length -= (size_t)n;
  }
  return 0;
}

static uint8_t *copy(const uint8_t *from, size_t length) {
  uint8_t *to = malloc(length);
  if (to != NULL) memcpy(to, from, length);
  return to;
}

static int ask(uint8_t flags, const uint8_t *data, size_t length, uint8_t *reply, size_t size) {
  const char *path = getenv("SECURITY_KEY_SOCKET");
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  uint8_t head[5] = {length >> 24, length >> 16, length >> 8, length, flags};
  if (path == NULL || strlen(path) >= sizeof(address.sun_path)) return -1;
  strcpy(address.sun_path, path);
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  if (fd < 0) return -1;
  int failed = connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0 || all(fd, head, 5, 1) != 0 ||
               all(fd, (uint8_t *)data, length, 1) != 0 || all(fd, reply, size, 0) != 0;
  close(fd);
  return failed ? -1 : 0;
}

int sk_sign(uint32_t algorithm, const uint8_t *data, size_t data_len, const char *application,
            const uint8_t *key_handle, size_t key_handle_len, uint8_t flags, const char *pin, void **options,
            struct answer **response) {
  uint8_t reply[70];
  (void)application, (void)key_handle, (void)key_handle_len, (void)pin, (void)options;
  if (ask(flags, data, data_len, reply, sizeof(reply)) != 0 || reply[0] != 1) return GENERAL;
  struct answer *made = calloc(1, sizeof(*made));
  if (made == NULL) return GENERAL;
  made->flags = reply[1];
  made->counter = (uint32_t)reply[2] << 24 | (uint32_t)reply[3] << 16 | (uint32_t)reply[4] << 8 | reply[5];
  made->sig_r_len = algorithm == ALGORITHM_ED25519 ? 64 : 32;
  made->sig_r = copy(reply + 6, made->sig_r_len);
  if (algorithm != ALGORITHM_ED25519) {
    made->sig_s_len = 32;
    made->sig_s = copy(reply + 38, made->sig_s_len);
  }
  *response = made;
  return 0;
}

int sk_enroll(void) { return UNSUPPORTED; }

int sk_load_resident_keys(void) { return UNSUPPORTED; }
