/* relp.c - sends messages over RELP as fast as they are acknowledged: relp PORT CONNECTIONS MESSAGES
 * WINDOW BYTES.  Each connection has a thread and at most WINDOW unanswered messages.  Prints the seconds
 * until the last answer.  Exit code 1: an answer was none of "200 OK". */
#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS_MAX 1000
#define OPEN            "1 open 30 relp_version=0\ncommands=syslog\n"
#define HEADER          "<134>1 2026-11-30T14:00:00Z host app 7 - - "

static struct {
    uint16_t port;
    uint32_t messages, window, bytes; /* messages: of each connection */
} settings;

static void fail(const char *what) {
    fprintf(stderr, "bench_relp: %s\n", what);
    exit(1);
}

static void send_all(int socket, const char *bytes, size_t size) {
    while (size > 0) {
        const ssize_t sent = send(socket, bytes, size, MSG_NOSIGNAL);
        if (sent <= 0) fail("cannot send");
        bytes += sent;
        size -= (size_t)sent;
    }
}

static size_t receive(int socket, char *bytes, size_t size) {
    const ssize_t got = recv(socket, bytes, size, 0);
    if (got <= 0) fail("the receiver has closed the connection");
    return (size_t)got;
}

static int open_session(void) {
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons(settings.port),
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
    char answer[1024];
    size_t size = 0, length = 0;
    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof address) != 0)
        fail("cannot connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    send_all(fd, OPEN, sizeof OPEN - 1);
    for (int header = 0; header == 0 || size < (size_t)header + length + 1;) {
        size += receive(fd, answer + size, sizeof answer - 1 - size);
        answer[size] = '\0';
        if (sscanf(answer, "1 rsp %zu %n200 OK", &length, &header) < 1) header = 0;
    }
    return fd;
}

static size_t put_message(char *to, uint32_t number) {
    char data[128];
    const int head = snprintf(data, sizeof data, HEADER "{\"n\":%" PRIu32 ",\"fill\":\"", number);
    const int fill = (int)settings.bytes - head - 2;
    return (size_t)sprintf(to, "%" PRIu32 " syslog %" PRIu32 " %s%0*d\"}\n", number + 2,
                           settings.bytes, data, fill, 7);
}

/* Every answer to a message is one line. */
static uint32_t count_answers(const char *bytes, size_t size) {
    uint32_t count = 0;
    for (size_t i = 0; i < size; i++)
        count += bytes[i] == '\n';
    return count;
}

static void *run(void *context) {
    const int fd = open_session();
    char *buffer = malloc((size_t)settings.window * (settings.bytes + 64));
    char answers[65536];
    uint32_t sent = 0, answered = 0;
    while (answered < settings.messages) {
        size_t size = 0;
        for (; sent < settings.messages && sent - answered < settings.window; sent++)
            size += put_message(buffer + size, sent);
        send_all(fd, buffer, size);
        const size_t got = receive(fd, answers, sizeof answers);
        if (memmem(answers, got, " 500", 4)) fail("an answer is not 200 OK");
        answered += count_answers(answers, got);
    }
    free(buffer);
    close(fd);
    return context;
}

int main(int count, char **words) {
    pthread_t threads[CONNECTIONS_MAX];
    struct timespec begin, end;
    if (count != 6) fail("PORT CONNECTIONS MESSAGES WINDOW BYTES were expected");
    const uint32_t connections = (uint32_t)atoi(words[2]);
    settings.port = (uint16_t)atoi(words[1]);
    settings.window = (uint32_t)atoi(words[4]);
    settings.bytes = (uint32_t)atoi(words[5]);
    if (connections < 1 || connections > CONNECTIONS_MAX || settings.bytes < 100 ||
        settings.window < 1)
        fail("1 to 1,000 connections, a window and 100 bytes or more were expected");
    settings.messages = (uint32_t)atoi(words[3]) / connections;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    for (uint32_t i = 0; i < connections; i++)
        if (pthread_create(&threads[i], NULL, run, NULL) != 0) fail("cannot start a thread");
    for (uint32_t i = 0; i < connections; i++)
        pthread_join(threads[i], NULL);
    clock_gettime(CLOCK_MONOTONIC, &end);
    printf("%.6f\n",
           (double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec) / 1e9);
    return 0;
}
