/*
 * Preloaded into a process whose libraries have UD0 in place of CPUID (src/avx2/patch-library.ts): answers what the
 * processor answers, without the instructions that came after AVX2.
 */
#define _GNU_SOURCE
#include <cpuid.h>
#include <signal.h>
#include <string.h>
#include <ucontext.h>

#define BIT(n) (1u << (n))

static struct sigaction previous;

static void hide(unsigned leaf, unsigned subleaf, unsigned answer[4]) {
  if (leaf != 7) return;
  if (subleaf == 0) {
    /* AVX512F, DQ, IFMA, PF, ER, CD, BW, VL */
    answer[1] &= ~(BIT(16) | BIT(17) | BIT(21) | BIT(26) | BIT(27) | BIT(28) | BIT(30) | BIT(31));
    /* AVX512_VBMI, VBMI2, VNNI, BITALG, VPOPCNTDQ */
    answer[2] &= ~(BIT(1) | BIT(6) | BIT(11) | BIT(12) | BIT(14));
    /* AVX512_4VNNIW, 4FMAPS, VP2INTERSECT, AMX_BF16, AVX512_FP16, AMX_TILE, AMX_INT8 */
    answer[3] &= ~(BIT(2) | BIT(3) | BIT(8) | BIT(22) | BIT(23) | BIT(24) | BIT(25));
  }
  if (subleaf == 1) {
    /* AVX_VNNI, AVX512_BF16, AMX_FP16, AVX_IFMA */
    answer[0] &= ~(BIT(4) | BIT(5) | BIT(21) | BIT(23));
    /* AVX_VNNI_INT8, AVX_NE_CONVERT, AVX_VNNI_INT16, AVX10 */
    answer[3] &= ~(BIT(4) | BIT(5) | BIT(10) | BIT(19));
  }
}

static void on_illegal_instruction(int number, siginfo_t *info, void *context) {
  greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
  const unsigned char *code = (const unsigned char *)registers[REG_RIP];
  if (code[0] != 0x0f || code[1] != 0xff) {
    /* Not ours: the instruction runs again and ends the process, or reaches who handled it before. */
    sigaction(number, &previous, NULL);
    return;
  }
  unsigned leaf = (unsigned)registers[REG_RAX];
  unsigned subleaf = (unsigned)registers[REG_RCX];
  unsigned answer[4];
  __cpuid_count(leaf, subleaf, answer[0], answer[1], answer[2], answer[3]);
  hide(leaf, subleaf, answer);
  registers[REG_RAX] = answer[0];
  registers[REG_RBX] = answer[1];
  registers[REG_RCX] = answer[2];
  registers[REG_RDX] = answer[3];
  registers[REG_RIP] += 2;
}

__attribute__((constructor)) static void install(void) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_sigaction = on_illegal_instruction;
  action.sa_flags = SA_SIGINFO | SA_NODEFER;
  sigaction(SIGILL, &action, &previous);
}
