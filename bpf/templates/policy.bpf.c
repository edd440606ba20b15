int weir_template_placeholder(void) { return 0; }
