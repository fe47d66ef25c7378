/* code_page.c - prints the console's code page.  It has a main of its own, because port's wmain would
 * change the code page. */
#include <stdio.h>
#include <windows.h>

int main(void) {
    printf("[%u]\n", GetConsoleOutputCP());
    return 0;
}
