#include "CLinuxConstants.h"
