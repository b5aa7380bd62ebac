include $(sort $(wildcard $(BR2_EXTERNAL_LASTGASP_PATH)/package/*/*.mk))
