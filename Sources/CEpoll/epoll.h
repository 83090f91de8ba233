// What is used of <sys/epoll.h>, which Swift's Glibc module lacks. Declared here and not included: a module with the header in it would
// also be where Swift thinks that timespec and others come from.
#include <stdint.h>

#if defined(__x86_64__)
#define PACKED __attribute__((packed))
#else
#define PACKED
#endif

struct epoll_event {
  uint32_t events;
  uint64_t data;
} PACKED;

#define EPOLL_CLOEXEC 02000000
#define EPOLL_CTL_ADD 1
#define EPOLLIN 1

int epoll_create1(int flags);
int epoll_ctl(int epoll, int operation, int file, struct epoll_event *event);
// The timeout is a timespec.
int epoll_pwait2(int epoll, struct epoll_event *events, int count, const void *timeout, const void *signals);
