// What Swift's Glibc module lacks of <poll.h>. Declared here and not included, as in CEpoll.

// The descriptors are pollfds, and the timeout is a timespec.
int ppoll(void *descriptors, unsigned long count, const void *timeout, const void *signals);
