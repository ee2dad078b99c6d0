struct x{int a;};
