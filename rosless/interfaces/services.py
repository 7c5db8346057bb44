# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The services of ROS 2's own packages; their messages come with rosbags, which knows no services."""

SERVICES = {
    'composition_interfaces/srv/ListNodes': """
        ---
        string[] full_node_names
        uint64[] unique_ids
    """,
    'composition_interfaces/srv/LoadNode': """
        string package_name
        string plugin_name
        string node_name
        string node_namespace
        uint8 log_level
        string[] remap_rules
        rcl_interfaces/Parameter[] parameters
        rcl_interfaces/Parameter[] extra_arguments
        ---
        bool success
        string error_message
        string full_node_name
        uint64 unique_id
    """,
    'composition_interfaces/srv/UnloadNode': """
        uint64 unique_id
        ---
        bool success
        string error_message
    """,
    'diagnostic_msgs/srv/AddDiagnostics': """
        string load_namespace
        ---
        bool success
        string message
    """,
    'diagnostic_msgs/srv/SelfTest': """
        ---
        string id
        byte passed
        DiagnosticStatus[] status
    """,
    'lifecycle_msgs/srv/ChangeState': """
        Transition transition
        ---
        bool success
    """,
    'lifecycle_msgs/srv/GetAvailableStates': """
        ---
        State[] available_states
    """,
    'lifecycle_msgs/srv/GetAvailableTransitions': """
        ---
        TransitionDescription[] available_transitions
    """,
    'lifecycle_msgs/srv/GetState': """
        ---
        State current_state
    """,
    'nav_msgs/srv/GetMap': """
        ---
        OccupancyGrid map
    """,
    'nav_msgs/srv/GetPlan': """
        geometry_msgs/PoseStamped start
        geometry_msgs/PoseStamped goal
        float32 tolerance
        ---
        Path plan
    """,
    'nav_msgs/srv/LoadMap': """
        string map_url
        ---
        uint8 RESULT_SUCCESS = 0
        uint8 RESULT_MAP_DOES_NOT_EXIST = 1
        uint8 RESULT_INVALID_MAP_DATA = 2
        uint8 RESULT_INVALID_MAP_METADATA = 3
        uint8 RESULT_UNDEFINED_FAILURE = 255
        OccupancyGrid map
        uint8 result
    """,
    'nav_msgs/srv/SetMap': """
        OccupancyGrid map
        geometry_msgs/PoseWithCovarianceStamped initial_pose
        ---
        bool success
    """,
    'rcl_interfaces/srv/DescribeParameters': """
        string[] names
        ---
        ParameterDescriptor[] descriptors
    """,
    'rcl_interfaces/srv/GetLoggerLevels': """
        string[] names
        ---
        LoggerLevel[] levels
    """,
    'rcl_interfaces/srv/GetParameterTypes': """
        string[] names
        ---
        uint8[] types
    """,
    'rcl_interfaces/srv/GetParameters': """
        string[] names
        ---
        ParameterValue[] values
    """,
    'rcl_interfaces/srv/ListParameters': """
        uint64 DEPTH_RECURSIVE = 0
        string[] prefixes
        uint64 depth
        ---
        ListParametersResult result
    """,
    'rcl_interfaces/srv/SetLoggerLevels': """
        LoggerLevel[] levels
        ---
        SetLoggerLevelsResult[] results
    """,
    'rcl_interfaces/srv/SetParameters': """
        Parameter[] parameters
        ---
        SetParametersResult[] results
    """,
    'rcl_interfaces/srv/SetParametersAtomically': """
        Parameter[] parameters
        ---
        SetParametersResult result
    """,
    'sensor_msgs/srv/SetCameraInfo': """
        CameraInfo camera_info
        ---
        bool success
        string status_message
    """,
    'std_srvs/srv/Empty': """
        ---
    """,
    'std_srvs/srv/SetBool': """
        bool data
        ---
        bool success
        string message
    """,
    'std_srvs/srv/Trigger': """
        ---
        bool success
        string message
    """,
    'tf2_msgs/srv/FrameGraph': """
        ---
        string frame_yaml
    """,
    'type_description_interfaces/srv/GetTypeDescription': """
        string type_name
        string type_hash
        bool include_type_sources true
        ---
        bool successful
        string failure_reason
        TypeDescription type_description
        TypeSource[] type_sources
        KeyValue[] extra_information
    """,
    'visualization_msgs/srv/GetInteractiveMarkers': """
        ---
        uint64 sequence_number
        InteractiveMarker[] markers
    """,
}
