#include "kantor_support.h"

enum { KN_MESSAGE_SIZE = 512 };

static _Thread_local char message[KN_MESSAGE_SIZE];

void kn_message_set(const char *utf8, size_t length) {
  if (length > KN_MESSAGE_SIZE - 1) {
    length = KN_MESSAGE_SIZE - 1;
    /* Do not cut a UTF-8 sequence in two. */
    while (length > 0 && ((unsigned char)utf8[length] & 0xC0) == 0x80) length--;
  }
  /* One line, whatever names the caller passed: control characters become blanks. */
  for (size_t i = 0; i < length; i++) {
    unsigned char byte = (unsigned char)utf8[i];
    message[i] = byte < 0x20 || byte == 0x7F ? ' ' : utf8[i];
  }
  message[length] = 0;
}

const char *kn_message_get(void) { return message; }
