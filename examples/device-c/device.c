/* A device for a microcontroller: MQTT 3.1.1, QoS 1, in C99 without a library.
 *
 *     cc -std=c99 -Wall -Wextra -Werror -o device device.c && ./device 127.0.0.1 1883 dev-c 5
 *
 * Everything that depends on the platform is at the end: three functions are the transport, one gives the
 * time, one waits. Replace them by those of your modem or RTOS. What is above them allocates nothing and keeps
 * about 1.5 KiB on the stack.
 *
 * A message is kept until its PUBACK, which comes when the gateway has it on disk. After a lost connection the
 * device connects again and sends the same bytes, with the same boot and seq. Here the message is kept in RAM:
 * a device that can lose its power writes it to flash before it sends it, and deletes it after the PUBACK.
 */
#define _POSIX_C_SOURCE 200809L
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The transport: 0 when it is done, -1 when the connection is lost. Opening closes what was open before. */
static int transport_open(void);
static int transport_send(const uint8_t *bytes, size_t length);
static int transport_receive(uint8_t *bytes, size_t length);
/* The time as RFC 3339 with zone, into at least 32 bytes. */
static void now_rfc3339(char *text, size_t room);
static void wait_seconds(unsigned seconds);

enum { CONNECT = 0x10, CONNACK = 0x20, PUBLISH_QOS1 = 0x32, DUP = 0x08, PUBACK = 0x40, DISCONNECT = 0xE0 };
/* A device that sends less often than every KEEP_ALIVE_S also sends PINGREQ, else the gateway ends the connection. */
enum { KEEP_ALIVE_S = 60, LONGEST_WAIT_S = 60, PACKET = 512 };

/* A packet under construction; `length` runs past PACKET if it does not fit, and then it is not sent. */
struct packet {
    uint8_t bytes[PACKET];
    size_t length;
};

static void put(struct packet *p, const void *bytes, size_t length)
{
    if (p->length + length <= PACKET) {
        memcpy(p->bytes + p->length, bytes, length);
    }
    p->length += length;
}

static void put_byte(struct packet *p, uint8_t byte)
{
    put(p, &byte, 1);
}

static void put_u16(struct packet *p, uint16_t value)
{
    put_byte(p, (uint8_t)(value >> 8));
    put_byte(p, (uint8_t)value);
}

static void put_text(struct packet *p, const char *text)
{
    put_u16(p, (uint16_t)strlen(text));
    put(p, text, strlen(text));
}

/* Sends the fixed header, with the length in groups of seven bits, and the body. */
static int send_packet(uint8_t type, const struct packet *body)
{
    uint8_t header[5] = { type };
    size_t used = 1, left = body->length;
    if (body->length > PACKET) {
        return -1;
    }
    do {
        header[used++] = (uint8_t)((left & 0x7F) | (left > 0x7F ? 0x80 : 0));
        left >>= 7;
    } while (left > 0);
    return transport_send(header, used) != 0 ? -1 : transport_send(body->bytes, body->length);
}

/* Expects a packet of this type with a body of two bytes, as CONNACK and PUBACK have. */
static int expect(uint8_t type, uint8_t body[2])
{
    uint8_t header[2];
    if (transport_receive(header, 2) != 0 || header[0] != type || header[1] != 2) {
        return -1;
    }
    return transport_receive(body, 2);
}

/* What CONNACK says of the session, or -1 when there is no connection. */
enum session { NO_CONNECTION = -1, NEW_SESSION = 0, SAME_SESSION = 1 };

static enum session mqtt_connect(const char *device, const char *token)
{
    struct packet p = { .length = 0 };
    uint8_t answer[2];
    put_text(&p, "MQTT");
    put_byte(&p, 4);                              /* version 3.1.1 */
    put_byte(&p, token != NULL ? 0xC0 : 0x00);    /* user name and password; the session is kept */
    put_u16(&p, KEEP_ALIVE_S);
    put_text(&p, device);
    if (token != NULL) {
        put_text(&p, device);
        put_text(&p, token);
    }
    if (transport_open() != 0 || send_packet(CONNECT, &p) != 0 || expect(CONNACK, answer) != 0) {
        return NO_CONNECTION;
    }
    if (answer[1] != 0) {
        fprintf(stderr, "the gateway refuses this device, code %u\n", answer[1]);
        return NO_CONNECTION;
    }
    return (answer[0] & 1) != 0 ? SAME_SESSION : NEW_SESSION;
}

/* Connects, however long it takes; the wait doubles so that many devices do not storm a gateway that restarts. */
static enum session connect_again(const char *device, const char *token)
{
    for (unsigned wait = 1;; wait = 2 * wait < LONGEST_WAIT_S ? 2 * wait : LONGEST_WAIT_S) {
        enum session session = mqtt_connect(device, token);
        if (session != NO_CONNECTION) {
            return session;
        }
        fprintf(stderr, "no connection, again in %u s\n", wait);
        wait_seconds(wait);
    }
}

/* 0 only when the gateway has acknowledged: then, and not before, the message may be forgotten. */
static int publish_once(const struct packet *message, uint16_t id, uint8_t flags)
{
    uint8_t answer[2];
    if (send_packet(PUBLISH_QOS1 | flags, message) != 0 || expect(PUBACK, answer) != 0) {
        return -1;
    }
    return (uint16_t)(answer[0] << 8 | answer[1]) == id ? 0 : -1;
}

/* Publishes until it is acknowledged. In the same session it is the same packet, marked DUP; in a new one the
 * gateway knows nothing of the packet, and the message is recognised by its boot and seq. */
static void publish(const struct packet *message, uint16_t id, const char *device, const char *token)
{
    uint8_t flags = 0;
    while (publish_once(message, id, flags) != 0) {
        fprintf(stderr, "the connection is lost, message %u is sent again\n", id);
        flags = connect_again(device, token) == SAME_SESSION ? DUP : 0;
    }
}

static void make_message(struct packet *p, const char *device, unsigned boot, unsigned seq, uint16_t id)
{
    char topic[96], payload[320], now[32];
    now_rfc3339(now, sizeof now);
    snprintf(topic, sizeof topic, "vitalgate/v1/%s/telemetry", device);
    snprintf(payload, sizeof payload,
             "{\"boot\":%u,\"seq\":%u,\"sent_at\":\"%s\",\"clock\":{\"source\":\"ntp\"},\"readings\":["
             "{\"at\":\"%s\",\"signal\":\"heart_rate\",\"value\":%.1f,\"unit\":\"/min\"}]}",
             boot, seq, now, now, 72.0);
    p->length = 0;
    put_text(p, topic);
    put_u16(p, id);
    put(p, payload, strlen(payload));
}

/* ---- the platform: POSIX ---- */

#include <netdb.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const char *host, *port;
static int connection = -1;

static int transport_send(const uint8_t *bytes, size_t length)
{
    while (length > 0) {
        ssize_t sent = send(connection, bytes, length, MSG_NOSIGNAL);
        if (sent <= 0) {
            return -1;
        }
        bytes += sent;
        length -= (size_t)sent;
    }
    return 0;
}

static int transport_receive(uint8_t *bytes, size_t length)
{
    while (length > 0) {
        ssize_t received = recv(connection, bytes, length, 0);
        if (received <= 0) {
            return -1;
        }
        bytes += received;
        length -= (size_t)received;
    }
    return 0;
}

static void now_rfc3339(char *text, size_t room)
{
    struct timespec now;
    struct tm utc;
    char second[24];
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    strftime(second, sizeof second, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(text, room, "%s.%06ldZ", second, now.tv_nsec / 1000);
}

static void wait_seconds(unsigned seconds)
{
    sleep(seconds);
}

static int transport_open(void)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *found = NULL;
    struct timeval patience = { .tv_sec = 30 };
    if (connection >= 0) {
        close(connection);
        connection = -1;
    }
    if (getaddrinfo(host, port, &hints, &found) != 0) {
        return -1;
    }
    connection = socket(found->ai_family, found->ai_socktype, found->ai_protocol);
    setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(connection, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    int result = connection < 0 ? -1 : connect(connection, found->ai_addr, found->ai_addrlen);
    freeaddrinfo(found);
    return result;
}

int main(int argc, char **argv)
{
    if (argc < 5) {
        fprintf(stderr, "usage: %s HOST PORT DEVICE COUNT; the token in VITALGATE_TOKEN\n", argv[0]);
        return 64;
    }
    host = argv[1];
    port = argv[2];
    const char *device = argv[3], *token = getenv("VITALGATE_TOKEN");
    unsigned count = (unsigned)strtoul(argv[4], NULL, 10);
    /* A real device counts its starts in memory that survives them; here the time is such a number. */
    unsigned boot = (unsigned)time(NULL);
    struct packet message, nothing = { .length = 0 };
    connect_again(device, token);
    for (unsigned seq = 1; seq <= count; seq++) {
        uint16_t id = (uint16_t)(seq % 0xFFFF + 1);
        make_message(&message, device, boot, seq, id);
        publish(&message, id, device, token);
    }
    send_packet(DISCONNECT, &nothing);
    close(connection);
    printf("%u readings acknowledged\n", count);
    return 0;
}
